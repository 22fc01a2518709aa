import Tensors

/// The cosines between all pairs' joined descriptors, `[pairs, pairs]`: of the vectors that hold the
/// descriptor of a pair's source and that of its target, binned.
///
/// K-means needs nothing else of the pairs, and at 13,056 channels each (17 bins of 384, two ends)
/// an iteration on these products is many times cheaper than one on the vectors; up to a thousand
/// pairs or so making the products costs less than one such iteration for all restarts. A few bins
/// are gathered at a time, so the joined descriptors are never all there.
///
/// - Complexity: O(pairs * pairs * bins * channels) time; memory of two results and `pieceWidth`
///   channels of each pair.
func pairProducts(
    _ pairs: [BestBuddy], _ a: DescriptorGrid, _ b: DescriptorGrid, binning: Binning
) -> Tensor {
    var products = Tensor(repeating: 0, shape: [pairs.count, pairs.count])
    for (descriptors, cells) in [(a, pairs.map(\.source)), (b, pairs.map(\.target))] {
        let bins = BinSource(descriptors, binning: binning)
        let channels = descriptors.channels
        let step = max(1, pieceWidth / channels)
        for first in stride(from: 0, to: bins.count, by: step) {
            let piece = gather(
                cells, bins, first..<min(first + step, bins.count), channels: channels)
            add(piece.product(transposed: piece), to: &products)
        }
    }
    scaleToUnitDiagonal(&products)
    return products
}

/// Channels that are gathered at a time: deep enough for a matrix product to run at full speed.
private let pieceWidth = 1536

/// Some bins of some cells, `[cells, bins * channels]`.
private func gather(
    _ cells: [Int], _ bins: BinSource, _ range: Range<Int>, channels: Int
) -> Tensor {
    Tensor(shape: [cells.count, range.count * channels]) { target in
        nonisolated(unsafe) let target = target
        bins.withReader { reader in
            Parallelism.perform(count: cells.count) { index in
                guard let base = target.baseAddress else { return }
                var place = base + index * range.count * channels
                for bin in range {
                    place.update(from: reader(cells[index], bin), count: channels)
                    place += channels
                }
            }
        }
    }
}

private func add(_ addend: Tensor, to sum: inout Tensor) {
    let width = sum.shape[1]
    let rows = sum.shape[0]
    sum.withUnsafeMutableElements { sum in
        nonisolated(unsafe) let sum = sum
        addend.withUnsafeElements { addend in
            nonisolated(unsafe) let addend = addend
            Parallelism.perform(count: rows) { row in
                for index in (row * width)..<((row + 1) * width) { sum[index] += addend[index] }
            }
        }
    }
}

/// Divides by the square roots of the diagonal; a vector of zeros stays one.
private func scaleToUnitDiagonal(_ products: inout Tensor) {
    let count = products.shape[0]
    products.withUnsafeMutableElements { products in
        nonisolated(unsafe) let products = products
        let scales = (0..<count).map { 1 / max(products[$0 * (count + 1)].squareRoot(), 1e-8) }
        Parallelism.perform(count: count) { row in
            for column in 0..<count {
                products[row * count + column] *= scales[row] * scales[column]
            }
        }
    }
}
