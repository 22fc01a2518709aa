import Platform
import Tensors

/// Averages each cell's window over the cells inside the grid (PyTorch's
/// `AvgPool2d(window, stride: 1, padding: window / 2, count_include_pad: False)`).
///
/// - Parameters:
///   - values: `[rows, columns, channels]`.
///   - window: the side of the square window, odd.
/// - Complexity: O(count * window), as the filter is separable.
func averaged(_ values: Tensor, window: Int) -> Tensor {
    require(
        values.shape.rank == 3 && window % 2 == 1, "averaged: \(values.shape), window \(window)")
    let columns = values.shape[1]
    let channels = values.shape[2]
    let down = slidingMean(
        values, length: values.shape[0], run: columns * channels, window: window, slabs: 1)
    return slidingMean(down, length: columns, run: channels, window: window, slabs: values.shape[0])
}

/// The sliding mean along one dimension of `[slabs, length, run]`: each run of `run` floats becomes the
/// mean of the runs at most `window / 2` away.
private func slidingMean(
    _ values: Tensor, length: Int, run: Int, window: Int, slabs: Int
) -> Tensor {
    let radius = window / 2
    return values.withUnsafeElements { source in
        Tensor(shape: values.shape) { target in
            nonisolated(unsafe) let target = target
            nonisolated(unsafe) let source = source
            Parallelism.perform(count: slabs * length) { task in
                let slab = task / length
                let position = task % length
                let window = max(0, position - radius)...min(length - 1, position + radius)
                guard
                    let start = source.baseAddress.map({ $0 + slab * length * run }),
                    let mean = target.baseAddress.map({ $0 + task * run })
                else { return }
                mean.update(from: start + window.lowerBound * run, count: run)
                for neighbour in window.dropFirst() {
                    let other = start + neighbour * run
                    for index in 0..<run { mean[index] += other[index] }
                }
                let scale = 1 / Float(window.count)
                for index in 0..<run { mean[index] *= scale }
            }
        }
    }
}
