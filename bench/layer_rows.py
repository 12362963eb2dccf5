"""Which rows of the bench a line of docs/performance.md sums up: the beginnings of their names."""

LAYER_ROWS = (
    ("text convolution 3x300, batch 64", r"text conv"),
    ("LeNet-5's convolutions, batch 64", r"conv (1->6|6->16) "),
    ("AlexNet's 5x5 convolution, batch 16 (Winograd)", r"conv 64->192 "),
    ("AlexNet's 3x3 convolutions, batch 16 (Winograd)", r"conv \d+->\d+ 3x3 p1 @13 "),
    ("AlexNet's 11x11 convolution", r"conv 3->64 11x11"),
    (
        "3x3 convolutions of 64 and 256 channels @224, @56, @32 (Winograd)",
        r"conv (64->64|256->256) 3x3 p1 @(224|56|32) ",
    ),
    ("3x3 convolution of pictures, 3 -> 64 channels @224", r"conv 3->64 3x3"),
    ("1x1 convolution 256->1024 @14", r"conv 256->1024 1x1"),
    ("3x3 convolution of stride 2, 128 channels @56", r"conv 128->128 3x3 s2"),
    ("depthwise 3x3 convolution, 256 channels @28", r"depthwise"),
    ("linear 9216->4096 and 4096->4096, batch 16 and 128", r"linear"),
    ("max and average pooling, 2x2 and 3x3 windows", r"(max|avg) pool"),
    ("ReLU, batch normalisation, softmax loss", r"relu|batch norm|softmax loss"),
    ("local response normalisation", r"local response norm"),
    ("SGD and Adam steps, against `torch.optim` and its fused form", r"(SGD|Adam) step"),
    ("dropout", r"dropout"),
)
