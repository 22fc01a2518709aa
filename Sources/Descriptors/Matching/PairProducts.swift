import Tensors

/// The cosines `[pairs, pairs]` between the pairs' joined descriptors, which concatenate the binned
/// descriptors of a pair's source and target.
///
/// K-means needs nothing else, and at 13,056 channels per pair (17 bins of 384, two ends) an iteration on
/// these products is many times cheaper than one on the vectors; up to about a thousand pairs, computing
/// the products costs less than one such iteration for all restarts. A few bins are gathered at a time,
/// so the joined descriptors are never all in memory.
///
/// - Complexity: O(pairs * pairs * bins * channels) time; memory for two results and `pieceWidth`
///   channels of each pair.
func pairProducts(
    _ pairs: [BestBuddy], _ a: DescriptorGrid, _ b: DescriptorGrid, binning: Binning
) -> Tensor {
    // Only the upper triangles of both matrices are used until the end.
    var products = Tensor(repeating: 0, shape: [pairs.count, pairs.count])
    var sums = Tensor(uninitialized: products.shape)
    for (descriptors, cells) in [(a, pairs.map(\.source)), (b, pairs.map(\.target))] {
        let bins = BinSource(descriptors, binning: binning)
        let channels = descriptors.channels
        let step = max(1, pieceWidth / channels)
        for first in stride(from: 0, to: bins.count, by: step) {
            let piece = gather(
                cells, bins, first..<min(first + step, bins.count), channels: channels)
            addProducts(of: piece, to: products, into: &sums)
            swap(&products, &sums)
        }
    }
    scaleToUnitDiagonal(&products)
    return products
}

/// Channels gathered at a time: deep enough for a matrix product to run at full speed.
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

/// Computes the upper triangle of `result = addend + piece pieceᵀ` by blocks of rows, which also cover
/// parts of the lower triangle.
private func addProducts(of piece: Tensor, to addend: Tensor, into result: inout Tensor) {
    let count = piece.shape[0]
    let width = piece.shape[1]
    let block = 256
    withUnsafePointers(writing: &result, reading: piece, addend) { result, piece, addend in
        for start in stride(from: 0, to: count, by: block) {
            let corner = start * (count + 1)
            let rows = piece + start * width
            var epilogue = Epilogue()
            epilogue.residual = addend + corner
            epilogue.residual_row_stride = count
            multiply(
                MatrixView(rows, rows: min(block, count - start), columns: width),
                MatrixView(rows, rows: count - start, columns: width).transposed,
                into: result + corner, rowStride: count, epilogue: epilogue)
        }
    }
}

/// Divides by the square roots of the diagonal and copies the upper triangle to the lower; products
/// with a zero vector stay 0.
private func scaleToUnitDiagonal(_ products: inout Tensor) {
    let count = products.shape[0]
    products.withUnsafeMutableElements { products in
        let scales = (0..<count).map { 1 / max(products[$0 * (count + 1)].squareRoot(), 1e-8) }
        for row in 0..<count {
            for column in row..<count {
                let cosine = products[row * count + column] * (scales[row] * scales[column])
                products[row * count + column] = cosine
                products[column * count + row] = cosine
            }
        }
    }
}
