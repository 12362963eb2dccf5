"""Arrays as people have them, and what they become.

- `take`: the boundary, which turns arrays, tensors, tables, buffers and lists into the few kinds of
  arrays that pycnn computes with
- `pixels`: bytes that become float32 a batch at a time; `column`: the samples of one input
- `dataset`: `ArrayDataset`, samples and targets in memory
- `samplewise`: data sets of other libraries, which give one sample at a time
"""
