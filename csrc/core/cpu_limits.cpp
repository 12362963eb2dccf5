#include "core/cpu_limits.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

namespace pycnn {
namespace {

// A hierarchy of control groups that may hold a quota, from /proc/self/mountinfo.
struct Mount {
    bool second_version;
    std::string group;   // the control group whose folder is mounted
    std::string folder;  // where it is mounted
};

std::vector<std::string> split(const std::string& line, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(line);
    for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
    return parts;
}

bool names_cpu(const std::string& controllers) {
    const auto names = split(controllers, ',');
    return std::find(names.begin(), names.end(), "cpu") != names.end();
}

// The kernel writes blanks, tabs, newlines and backslashes of a path as \ and three octal digits.
std::string unescape(const std::string& path) {
    std::string plain;
    for (size_t i = 0; i < path.size(); ++i) {
        const std::string digits = path.substr(i + 1, 3);
        if (path[i] == '\\' && digits.size() == 3 && digits.find_first_not_of("01234567") == std::string::npos) {
            plain += static_cast<char>(std::stoi(digits, nullptr, 8));
            i += 3;
        } else {
            plain += path[i];
        }
    }
    return plain;
}

// A line is "id parent device group folder options [fields...] - type source options".
std::vector<Mount> cgroup_mounts(const std::string& root) {
    std::vector<Mount> mounts;
    std::ifstream file(root + "/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        const auto fields = split(line, ' ');
        const auto dash = std::find(fields.begin(), fields.end(), "-");
        if (dash - fields.begin() < 5 || fields.end() - dash < 4) continue;
        const bool second = dash[1] == "cgroup2";
        if (second || (dash[1] == "cgroup" && names_cpu(dash[3])))
            mounts.push_back({second, unescape(fields[3]), unescape(fields[4])});
    }
    return mounts;
}

// The process's group in the hierarchy of version 2, or in that of version 1 with the controller "cpu"; empty if there is none.
// A line is "number:controllers:group"; version 2 has no controllers.
std::string group_of_process(const std::string& root, bool second_version) {
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (second_version ? controllers.empty() : names_cpu(controllers)) return line.substr(second + 1);
    }
    return {};
}

// The path of a group below the mounted group: a container may have its own group mounted and still see the path outside.
std::string path_below(const std::string& group, const std::string& mounted) {
    const std::string prefix = mounted == "/" ? "" : mounted;
    const bool below =
        group.compare(0, prefix.size(), prefix) == 0 && (group.size() == prefix.size() || group[prefix.size()] == '/');
    const std::string path = below ? group.substr(prefix.size()) : "";
    return path == "/" || path.find("/..") != std::string::npos ? "" : path;  // "/..": outside of the process's view
}

// In processors; infinite if there is no limit.
double quota_of(const std::string& folder, bool second_version) {
    std::string quota;
    double period = 0;
    if (second_version) {
        std::ifstream(folder + "/cpu.max") >> quota >> period;
    } else {
        std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
        std::ifstream(folder + "/cpu.cfs_period_us") >> period;
    }
    const double microseconds = std::strtod(quota.c_str(), nullptr);  // "max" reads as 0, "no limit" is -1
    return microseconds > 0 && period > 0 ? microseconds / period : std::numeric_limits<double>::infinity();
}

// Calls use(bytes, mask) with the mask of the process's main thread; other threads may be bound to fewer processors.
template <class F>
void with_affinity(F&& use) {
    // A machine may have more processors than a cpu_set_t has bits; the call then fails until the mask is large enough.
    for (size_t processors = CPU_SETSIZE; processors <= 1 << 20; processors *= 2) {
        cpu_set_t* const mask = CPU_ALLOC(processors);
        if (mask == nullptr) return;
        const size_t bytes = CPU_ALLOC_SIZE(processors);
        const bool found = sched_getaffinity(getpid(), bytes, mask) == 0;
        if (found) use(bytes, mask);
        CPU_FREE(mask);
        if (found) return;
    }
}

}  // namespace

int affinity_count() {
    int count = 1;
    with_affinity([&count](size_t bytes, const cpu_set_t* mask) { count = std::max(CPU_COUNT_S(bytes, mask), 1); });
    return count;
}

void take_affinity_of_process() {
    with_affinity([](size_t bytes, const cpu_set_t* mask) { sched_setaffinity(0, bytes, mask); });
}

int cgroup_quota(const std::string& root) {
    double smallest = std::numeric_limits<double>::infinity();
    for (const Mount& mount : cgroup_mounts(root)) {
        std::string path = path_below(group_of_process(root, mount.second_version), mount.group);
        for (;;) {
            smallest = std::min(smallest, quota_of(root + mount.folder + path, mount.second_version));
            if (path.empty()) break;
            path.resize(path.rfind('/'));
        }
    }
    return smallest < 1 << 20 ? static_cast<int>(std::ceil(smallest)) : 0;
}

int openmp_setting(const char* name, int most) {
    const char* value = std::getenv(name);
    const long count = value == nullptr ? 0 : std::strtol(value, nullptr, 10);
    return count > 0 ? static_cast<int>(std::min<long>(count, most)) : most;
}

}  // namespace pycnn
