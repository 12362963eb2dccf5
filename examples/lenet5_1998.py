"""Train LeNet-5 as it was published in 1998, on MNIST or on randomly distorted MNIST."""

import argparse

import pycnn as nn

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=25, help="passes over the training images")
parser.add_argument("--samples", type=int, help="train and test on this many images only")
parser.add_argument("--distort", action="store_true", help="distort every image at random")
args = parser.parse_args()

train, test = nn.datasets.mnist_1998()  # 32x32, ink 1.175, background -0.1
train, test = train[: args.samples], test[: args.samples]

model = nn.models.lenet5_1998(rng=0)
print(model.summary((1, 32, 32)))
for layer, count in nn.models.connections(model, (1, 32, 32)).items():
    print(f"{layer}: {count:,} connections")

# Shift, scale, squeeze and slant, as in the paper.
distort = nn.augment.RandomAffine(scale=0.1, shear=10, translate=2, squeeze=1.1, fill=-0.1)
history = nn.fit(
    model,
    train,
    validation=test,
    epochs=args.epochs,
    batch_size=64,
    optimizer=nn.optim.Adam(model.parameters()),
    schedule=nn.optim.OneCycle(0.002),
    loss=nn.MAPLoss(),
    augment=distort if args.distort else None,
)
print(f"test error {1 - history['val_accuracy'][-1]:.2%} after {history.seconds:.0f} s")
nn.save("lenet5_1998.safetensors", model)
