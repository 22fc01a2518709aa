internal import CKernels
import Platform

extension Tensor {
    /// `y = output(gelu(hidden(map(x)))) + residual`. This tensor is x, `[..., inputs]`.
    ///
    /// Not recorded, and with both layers' weights in the form in which they are multiplied, each task computes some rows
    /// through both layers: its hidden values stay in cache, where all of them would take four times the memory of x. The
    /// result has the same bits either way.
    ///
    /// - Parameters:
    ///   - hidden: the first layer.
    ///   - output: the second layer.
    ///   - map: the map applied to x.
    ///   - residual: a tensor of the result's shape, or nil.
    /// - Returns: `[..., outputs]`.
    /// - Complexity: O(rows x (inputs + outputs) x hidden outputs).
    package func perceptron(
        _ hidden: Linear, _ output: Linear, after map: InputMap, adding residual: Tensor?
    ) -> Tensor {
        let (width, outputs) = (hidden.outputs, output.outputs)
        guard Tape.of(self, hidden.bias, output.bias, residual) == nil, map.tracked == nil,
            count >= manyRows * hidden.inputs,
            let first = RowFactor(hidden.factor), let second = RowFactor(output.factor)
        else { return output(hidden(self, after: map), after: .gelu, adding: residual) }
        var result = Tensor(uninitialized: Shape(shape.dimensions.dropLast() + [outputs]))
        require(
            shape[-1] == hidden.inputs && output.inputs == width
                && (residual == nil || residual?.shape == result.shape),
            "perceptron: \(shape) by \(hidden.factor.shape) and \(output.factor.shape)")
        withUnsafePointers(writing: &result, reading: hidden.bias, output.bias, residual) {
            target, hiddenBias, bias, residual in
            withMatrix(after: map) { x in
                let tasks = first.tasks(x.rows)
                Parallelism.perform(count: tasks.count) { task in
                    let range = tasks[task]
                    let place = range.lowerBound * outputs
                    withUnsafePointers(reading: Storage(count: range.count * width)) { values in
                        first.multiply(x.rows(range), into: values, bias: hiddenBias)
                        second.multiply(
                            MatrixView(values, rows: range.count, columns: width, map: .gelu),
                            into: target + place, bias: bias,
                            residual: residual.map { $0 + place })
                    }
                }
            }
        }
        return result
    }
}

/// The weights of a layer in the form in which some rows after others are multiplied by them.
private enum RowFactor {
    case floats(PackedFactor, RightFactor)
    case integers(IntegerFactor)

    /// Nil if the weights are held as they are and no other form is cached.
    init?(_ factor: Factor) {
        switch factor {
        case .plain(_, let cache):
            guard let packed = cache?.cached else { return nil }
            self.init(packed)
        case .packed(let packed): self.init(packed)
        case .integers(let integers): self = .integers(integers)
        }
    }

    private init(_ packed: PackedFactor) {
        let right = withUnsafePointers(reading: packed) {
            RightFactor(packed, packed.view(at: $0), .best)
        }
        self = .floats(packed, right)
    }

    func tasks(_ rows: Int) -> RowTasks {
        switch self {
        case .floats: RowTasks(rows, .best)
        case .integers: RowTasks(integers: rows)
        }
    }

    /// `C = A Bᵀ + bias + residual` by the calling thread: C is `[rows, outputs]`, B these weights.
    func multiply(
        _ a: MatrixView, into c: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>,
        residual: UnsafePointer<Float>? = nil
    ) {
        switch self {
        case .floats(let packed, let right):
            var epilogue = Epilogue()
            epilogue.bias = bias
            epilogue.residual = residual
            epilogue.residual_row_stride = packed.columns
            withUnsafePointers(reading: right) { floats in
                BlockedProduct(
                    a: a, b: packed.view(at: floats), c: c, rowStride: packed.columns,
                    accumulates: false, epilogue: epilogue, kernels: .best
                ).multiplyRows(0..<a.rows, by: right, at: floats)
            }
        case .integers(let integers):
            integers.multiplyRows(
                a, into: c, rowStride: integers.rows, bias: bias, residual: residual)
        }
    }
}
