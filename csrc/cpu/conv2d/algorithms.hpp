// The algorithms of convolution, and which of them computes one. A new algorithm is a row of the table in algorithms.cpp and
// its own files; the reasons of a choice stand beside each algorithm's `suits`, and csrc/convolution.md explains the
// algorithms.
#pragma once

#include <string>
#include <vector>

#include "core/shape.hpp"

namespace pycnn {

enum class ConvPass { forward, backward_input, backward_weight };

// How forward and backward-input add up an output. All `plain` sums go along c, r, s, in blocks of whole channels of the same
// sizes: they have the same bits. `own`, which promises nothing, is the value of a row that forgets to say it.
enum class SumOrder { own, plain };

// How an algorithm rounds: like a plain sum of the products, or more, since it cancels larger numbers.
enum class Rounding { more, plain };

// A row of the table. Arguments and results are those of ops/conv2d.hpp; filters have visible taps only (ops/visible_taps.hpp).
struct ConvAlgorithm {
    const char* name;
    bool (*takes)(ConvPass, const ConvShape&);  // can compute the pass
    bool (*suits)(ConvPass, const ConvShape&);  // is the best choice, unless an earlier row is
    void (*forward)(const ConvShape&, const float* x, const float* w, const float* b, float* y);
    void (*backward_input)(const ConvShape&, const float* dy, const float* w, float* dx, const float* b);
    // Called with N > 0; writes all of dw and db. Null where `takes` never takes this pass.
    void (*backward_weight)(const ConvShape&, const float* dy, const float* x, float* dw, float* db);
    SumOrder order;
    Rounding rounding;
};

// The forced algorithm where it can compute this pass, else the first of the table that suits it and, if convolutions are to be
// accurate, rounds like a plain sum. The first call honours PYCNN_CONV=name. `s` has visible taps only.
const ConvAlgorithm& conv_algorithm(ConvPass pass, const ConvShape& s);

// Names of all algorithms, the most special first.
std::vector<std::string> conv_algorithms();

// Forces one, by its name or a former one; "" leaves the choice to the table again. ValueError for an unknown name; the text
// lists the known ones.
void force_conv_algorithm(const std::string& name);

// The forced one, or "".
std::string forced_conv_algorithm();

// Chooses the fastest algorithms, "fast", as at first unless PYCNN_CONV=accurate, or those that round like a plain sum, "accurate".
// ValueError for another word.
void set_convolution(const std::string& mode);

// "fast" or "accurate".
std::string get_convolution();

}  // namespace pycnn
