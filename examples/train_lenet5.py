"""Train LeNet-5 on MNIST, layer by layer."""

from pycnn import (
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    datasets,
    evaluate,
    fit,
    save,
)

train, test = datasets.mnist()
model = Sequential(
    *(Conv2d(1, 6, 5, padding=2, rng=0), ReLU(), MaxPool2d(2)),
    *(Conv2d(6, 16, 5, rng=1), ReLU(), MaxPool2d(2)),
    *(Flatten(), Linear(400, 120, rng=2), ReLU()),
    *(Linear(120, 84, rng=3), ReLU()),
    Linear(84, 10, rng=4),
)
print(model.summary((1, 28, 28)))
fit(model, train, validation=test, epochs=3, batch_size=64, seed=0)
print(evaluate(model, test))
save("lenet5.safetensors", model)
