"""Small networks as programs for PyTorch write them; only the imports say pycnn."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pycnn as torch
import pycnn.nn as nn
import pycnn.nn.functional as F
from pycnn.nn import init
from pycnn.nn.utils import weight_norm


class Residual(nn.Module):
    """One ReLU in place for all, a shortcut added in place, and layers by a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, kernel_size=3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.downsample = nn.Sequential(nn.Conv2d(2, 4, 1, stride=2), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, 3)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                n = m.kernel_size[0] * m.kernel_size[1] * m.out_channels
                m.weight.data.normal_(0, (2.0 / n) ** 0.5)
            elif isinstance(m, nn.BatchNorm2d):
                m.weight.data.fill_(1)  # type: ignore[union-attr]
                m.bias.data.zero_()  # type: ignore[union-attr]

    def forward(self, x: Any) -> Any:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.conv2(out)
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        out = self.relu(out)
        out = F.avg_pool2d(out, out.size(2))  # type: ignore[attr-defined]
        return self.fc(out.view(out.size(0), -1))


class DenseLayer(nn.Sequential):
    """A Sequential with modules by name and a forward of its own."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.add_module("norm", nn.BatchNorm2d(features))
        self.add_module("relu", nn.ReLU(inplace=True))
        self.add_module("conv", nn.Conv2d(features, growth, kernel_size=3, padding=1, bias=False))

    def forward(self, x: Any) -> Any:
        new = super().forward(x)
        new = F.dropout(new, p=0.0, training=self.training)  # type: ignore[attr-defined]
        return torch.cat([x, new], 1)


class DenseBlock(nn.ModuleDict):
    """A ModuleDict that is called."""

    def __init__(self) -> None:
        super().__init__()
        for i in range(2):
            self.add_module(f"layer{i + 1}", DenseLayer(2 + 2 * i, 2))

    def forward(self, x: Any) -> Any:
        for _, layer in self.items():
            x = layer(x)
        return x


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(OrderedDict([("block", DenseBlock())]))
        self.features.add_module("norm", nn.BatchNorm2d(6))
        self.classifier = nn.Linear(6, 2)

    def forward(self, x: Any) -> Any:
        features = self.features(x)
        out = F.relu(features, inplace=True)  # type: ignore[attr-defined]
        out = F.adaptive_avg_pool2d(out, (1, 1)).view(features.size(0), -1)  # type: ignore[attr-defined]
        return F.log_softmax(self.classifier(out), dim=1)  # type: ignore[attr-defined]


class Shuffle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(2, 2, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(2), nn.ReLU6(True)
        )

    def forward(self, x: Any) -> Any:
        x1, x2 = x.chunk(2, dim=1)
        x = torch.cat((x1, self.branch(x2)), dim=1)
        n, c, h, w = x.size()
        x = torch.transpose(x.view(n, 2, c // 2, h, w), 1, 2).contiguous()
        x = x.view(n, -1, h, w)
        return x.mean([2, 3]), x[:, :, ::2, ::2]


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(True))
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.deconv = nn.ConvTranspose2d(3, 2, kernel_size=2, stride=2)
        self.out = nn.Conv2d(7, 1, 1)

    def pad(self, x: Any, like: Any) -> Any:
        dy = torch.tensor([like.size()[2] - x.size()[2]])
        dx = like.size()[3] - x.size()[3]
        return F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])  # type: ignore[attr-defined]

    def forward(self, x: Any) -> Any:
        y = self.down(x)
        both = [x, self.pad(self.up(y), x), self.pad(self.deconv(y), x)]
        return torch.sigmoid(self.out(torch.cat(both, dim=1)))


class Text(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 4)
        self.convs = nn.ModuleList([nn.Conv2d(1, 2, (k, 4)) for k in (2, 3)])
        self.fc = nn.Linear(4, 3)
        init.xavier_uniform(self.fc.weight, gain=init.calculate_gain("relu"))  # type: ignore[arg-type]

    def forward(self, x: Any) -> Any:
        x = self.embed(x).unsqueeze(1)
        x = [F.relu(conv(x)).squeeze(3) for conv in self.convs]  # type: ignore[attr-defined]
        x = [F.max_pool1d(i, i.size(2)).squeeze(2) for i in x]  # type: ignore[attr-defined]
        return self.fc(torch.cat(x, 1))


class Temporal(nn.Module):
    """A causal block with normalised weights, after which a part is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = weight_norm(nn.Conv1d(2, 3, 3, padding=4, dilation=2))
        self.conv1.weight.data.normal_(0, 0.01)
        self.net = nn.Sequential(self.conv1, nn.ReLU())
        self.gate = weight_norm(nn.Linear(3, 4), dim=None)

    def forward(self, x: Any) -> Any:
        y = self.net(x)[:, :, :-4].contiguous()
        return F.glu(self.gate(y[:, :, -1]), dim=1), y.max(dim=2)[0]  # type: ignore[attr-defined]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(4, 12, 1)
        self.spatial = nn.Conv2d(2, 1, 3, padding=1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Any) -> Any:
        pooled = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
        x = x * torch.sigmoid(self.spatial(pooled)).expand_as(x)
        b, c, h, w = x.size()
        q, k, v = torch.split(self.qkv(x).view(b, 3 * c, -1), c, dim=1)
        energy = torch.bmm(q.permute(0, 2, 1), k)
        mask = torch.tril(torch.ones(h * w, h * w)) == 0
        attention = F.softmax(energy.masked_fill(mask, float("-inf")), dim=-1)  # type: ignore[attr-defined]
        out = torch.einsum("bcj,bij->bci", v, attention).view(b, c, h, w)
        return self.gamma * out + x


class Unpool(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2, 2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2, 2)
        self.mu = nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        y, where = self.pool(x)
        back = self.unpool(y * y, where, output_size=x.size())
        mu, logvar = torch.tanh(self.mu(torch.flatten(y, 1))).chunk(2, dim=-1)
        std = logvar.mul(0.5).exp_()
        return back, mu.add(std), y.view(y.size(0), -1).topk(3, dim=1).values
