"""Train the small network of PyTorch's tutorial "Training a Classifier", written as it is there.

The lines that differ from PyTorch's are the imports and those that make tensors.
"""

import argparse

import pycnn as nn
import pycnn.functional as F
from pycnn import optim

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=2, help="passes over the training images")
parser.add_argument("--samples", type=int, help="train and test on this many images only")
parser.add_argument("--data", help="folder of cifar-10-binary.tar.gz (170 MB, else downloaded)")
args = parser.parse_args()


class Net(nn.Module):
    """Two convolutions and three linear layers, for 3x32x32 images."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        """Return a score for each class."""
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = nn.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


nn.manual_seed(0)
train, test = (part[: args.samples] for part in nn.datasets.cifar10(args.data))
loader = nn.DataLoader(train, batch_size=4, shuffle=True)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

for epoch in range(args.epochs):
    running_loss = 0.0
    for inputs, labels in loader:
        inputs, labels = nn.tensor(inputs), nn.tensor(labels)
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print(f"epoch {epoch + 1}: loss {running_loss / len(loader):.3f}")

correct = total = 0
with nn.no_grad():
    for images, labels in nn.DataLoader(test, batch_size=256):
        outputs = net(nn.tensor(images))
        _, predicted = nn.max(outputs, 1)
        total += len(labels)
        correct += (predicted == nn.tensor(labels)).sum().item()
print(f"test accuracy {correct / total:.2%}")
