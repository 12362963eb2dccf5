"""Train LeNet-5 on MNIST, layer by layer."""

import pycnn as nn

train, test = nn.datasets.mnist()
# fmt: off
model = nn.Sequential(
    nn.Conv2d(1, 6, 5, padding=2, rng=0), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(6, 16, 5, rng=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(400, 120, rng=2), nn.ReLU(),
    nn.Linear(120, 84, rng=3), nn.ReLU(),
    nn.Linear(84, 10, rng=4),
)
# fmt: on
print(model.summary((1, 28, 28)))
shift = nn.augment.RandomCrop(28, padding=1)  # by up to a pixel, each time anew
history = nn.fit(model, train, validation=test, epochs=4, batch_size=64, seed=0, augment=shift)
print(nn.evaluate(model, test))
if history.interrupted:  # by Ctrl-C: an earlier file is better than half a training
    print("not saved")
else:
    nn.save("lenet5.safetensors", model)
