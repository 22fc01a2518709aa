internal import CKernels
import Platform

extension Tensor {
    /// A linear map whose rows have separate direction and magnitude (weight normalisation, Salimans and Kingma 2016):
    /// `y_j = s_j (x · v_j)` with `s_j = g_j / |v_j|`.
    ///
    /// The weights `s_j v_j` are never stored: for a head with 65,536 outputs they would take 64 MB, and their gradient
    /// the same. With t_j the sum of `dy_j x` over the rows of x: `dx = Σ dy_j s_j v_j`, `dv_j = s_j (t_j - v_j (v_j ·
    /// t_j) / |v_j|²)`, `dg_j = v_j · t_j / |v_j|`. The pullback keeps x, v, g and the lengths of the rows of v. This
    /// tensor is x, `[rows, inputs]`.
    ///
    /// - Parameters:
    ///   - directions: v, `[outputs, inputs]`; no row is zero.
    ///   - magnitudes: g, one for each output.
    /// - Returns: `[rows, outputs]`.
    /// - Complexity: O(rows x inputs x outputs).
    public func linear(directions: Tensor, magnitudes: Tensor) -> Tensor {
        require(
            shape.rank == 2 && directions.shape.rank == 2 && directions.shape[1] == shape[1]
                && magnitudes.count == directions.shape[0],
            "linear: \(shape) by directions \(directions.shape), magnitudes \(magnitudes.shape)")
        let map = WeightNormalizedMap(
            x: untracked, directions: directions.untracked, magnitudes: magnitudes.untracked)
        let result = map.value()
        guard let tape = Tape.of(self, directions, magnitudes) else { return result }
        return tape.record(result) {
            [
                x = trace?.index, v = directions.trace?.index, g = magnitudes.trace?.index,
                magnitudeShape = magnitudes.shape
            ] gradient, cotangents in
            if v != nil || g != nil {
                var dg = Tensor(uninitialized: magnitudeShape)
                withUnsafePointers(writing: &dg, reading: gradient) { dg, dy in
                    if v == nil {
                        map.addParameterGradients(of: dy, directions: nil, magnitudes: dg)
                    }
                    cotangents.update(v, shape: map.directions.shape) {
                        map.addParameterGradients(of: dy, directions: ($0, $1), magnitudes: dg)
                    }
                }
                cotangents.add(dg, to: g)
            }
            cotangents.update(x, shape: map.x.shape) {
                map.addInputGradient(of: &gradient, to: $0, isSum: $1)
            }
        }
    }
}

/// The map's factors. The rows of v are processed in blocks that stay in cache from one use to the next.
private struct WeightNormalizedMap {
    let x: Tensor
    let directions: Tensor
    let magnitudes: Tensor
    /// 1 / |v_j|.
    let inverseLengths: Tensor

    init(x: Tensor, directions: Tensor, magnitudes: Tensor) {
        self.x = x
        self.directions = directions
        self.magnitudes = magnitudes
        let inputs = directions.shape[1]
        inverseLengths = Tensor(shape: [directions.shape[0]]) { lengths in
            withUnsafePointers(reading: directions) { v in
                inParallel(lengths.indices) { j in
                    let line = v + j * inputs
                    lengths[j] = Float(1 / Kernels.best.dot(inputs, line, line).squareRoot())
                }
            }
        }
    }

    /// Calls `body` with consecutive blocks of outputs and the rows of v for each. A block is a multiple of the column
    /// blocks that a product is split into.
    private func forEachBlock(_ body: (_ outputs: Range<Int>, _ rows: MatrixView) -> Void) {
        let length = 1536
        let (outputs, inputs) = (directions.shape[0], directions.shape[1])
        withUnsafePointers(reading: directions) { v in
            for start in stride(from: 0, to: outputs, by: length) {
                let count = min(length, outputs - start)
                body(
                    start..<start + count,
                    MatrixView(v + start * inputs, rows: count, columns: inputs))
            }
        }
    }

    /// Computes the result.
    func value() -> Tensor {
        let outputs = directions.shape[0]
        var result = Tensor(uninitialized: [x.shape[0], outputs])
        withUnsafePointers(writing: &result, reading: x) { y, x in
            let x = MatrixView(x, self.x.shape)
            forEachBlock { block, v in
                multiply(x, v.transposed, into: y + block.lowerBound, rowStride: outputs)
                scale(y, block)
            }
        }
        return result
    }

    /// Multiplies some columns of a result or of its gradient by s.
    private func scale(_ y: UnsafeMutablePointer<Float>, _ columns: Range<Int>) {
        let outputs = directions.shape[0]
        withUnsafePointers(reading: inverseLengths, magnitudes) { inverseLengths, magnitudes in
            Parallelism.perform(count: x.shape[0]) { row in
                let line = y + row * outputs
                for j in columns { line[j] *= magnitudes[j] * inverseLengths[j] }
            }
        }
    }

    /// Computes the gradient of g, and of v if it is needed.
    ///
    /// - Parameters:
    ///   - dy: the gradient of the result.
    ///   - target: memory for the gradient of v, and whether to add to its contents.
    ///   - dg: receives the gradient of g.
    func addParameterGradients(
        of dy: UnsafePointer<Float>,
        directions target: (base: UnsafeMutablePointer<Float>, isSum: Bool)?,
        magnitudes dg: UnsafeMutablePointer<Float>
    ) {
        let (rows, inputs, outputs) = (x.shape[0], x.shape[1], directions.shape[0])
        var scratch: Storage?
        forEachBlock { block, v in
            let memory = scratch ?? Storage(count: v.rows * inputs)
            scratch = memory
            withUnsafePointers(reading: memory, x, inverseLengths, magnitudes) {
                products, x, inverseLengths, magnitudes in
                multiply(
                    MatrixView(
                        dy + block.lowerBound, rows: rows, columns: v.rows, rowStride: outputs
                    ).transposed, MatrixView(x, self.x.shape), into: products, rowStride: inputs)
                inParallel(block) { j in
                    let line = v.base + (j - block.lowerBound) * inputs
                    let product = products + (j - block.lowerBound) * inputs
                    let inverse = inverseLengths[j]
                    let slope = Float(Kernels.best.dot(inputs, line, product)) * inverse
                    dg[j] = slope
                    guard let target else { return }
                    let scale = magnitudes[j] * inverse
                    let along = slope * inverse
                    let result = target.base + j * inputs
                    if target.isSum {
                        for i in 0..<inputs { result[i] += scale * (product[i] - along * line[i]) }
                    } else {
                        for i in 0..<inputs { result[i] = scale * (product[i] - along * line[i]) }
                    }
                }
            }
        }
    }

    /// Writes the gradient of x or adds it to the contents; scales the gradient of the result by s in the process.
    func addInputGradient(
        of gradient: inout Tensor, to target: UnsafeMutablePointer<Float>, isSum: Bool
    ) {
        let (rows, inputs, outputs) = (x.shape[0], x.shape[1], directions.shape[0])
        withUnsafePointers(writing: &gradient) { dy in
            forEachBlock { block, v in
                scale(dy, block)
                multiply(
                    MatrixView(
                        dy + block.lowerBound, rows: rows, columns: v.rows, rowStride: outputs),
                    v, into: target, rowStride: inputs,
                    accumulates: isSum || block.lowerBound > 0)
            }
        }
    }
}

/// Calls `body` with every index of a range, in parallel.
private func inParallel(_ range: Range<Int>, _ body: (Int) -> Void) {
    let length = 64
    Parallelism.perform(count: (range.count + length - 1) / length) { task in
        let first = range.lowerBound + task * length
        for index in first..<min(first + length, range.upperBound) { body(index) }
    }
}
