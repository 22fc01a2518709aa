internal import CKernels
import Platform

/// The map applied to the input of a linear map; its result is never stored.
public enum InputMap: Sendable {
    /// The input itself.
    case identity
    /// The exact GELU, `x Phi(x)` with Phi the normal distribution function (Hendrycks and Gimpel 2016), within 1e-7.
    case gelu
    /// Layer normalisation of the innermost dimension; see `Tensor.layerNorm`.
    case norm(LayerNorm)
}

extension Tensor {
    /// `y = map(x) Wᵀ + b + residual`, in one pass over the result. This tensor is x, `[..., inputs]`.
    ///
    /// With P the gradient of y: that of `map(x)` is `P W`, `dW = Pᵀ map(x)`, `db` the sum of the rows of P, and that
    /// of the residual is P. The pullback keeps W and, if a gradient needs it, x; it recomputes `map(x)`, which takes
    /// far less time than the product.
    ///
    /// - Parameters:
    ///   - weight: W, `[outputs, inputs]`.
    ///   - bias: b, `[outputs]`; none by default.
    ///   - map: the map applied to x; the identity by default.
    ///   - residual: a tensor of the result's shape; none by default.
    /// - Returns: `[..., outputs]`.
    /// - Complexity: O(rows x inputs x outputs).
    public func linear(
        weight: Tensor, bias: Tensor? = nil, after map: InputMap = .identity,
        adding residual: Tensor? = nil
    ) -> Tensor {
        linear(
            .plain(weight, PackedFactorCache()), bias: bias, after: map, adding: residual)
    }

    /// - Parameter factor: the weights. Recorded for differentiation, a factor that is not plain is used as a plain one
    ///   of the same weights.
    func linear(
        _ factor: Factor, bias: Tensor?, after map: InputMap, adding residual: Tensor?
    ) -> Tensor {
        let weightShape = factor.shape
        require(
            shape.rank >= 1 && weightShape.rank == 2 && shape[-1] == weightShape[1],
            "linear: \(shape) by weights \(weightShape)")
        let resultShape = Shape(shape.dimensions.dropLast() + [weightShape[0]])
        require(
            bias == nil || bias?.count == weightShape[0],
            "linear: bias \(bias?.shape ?? []) for weights \(weightShape)")
        require(
            residual == nil || residual?.shape == resultShape,
            "linear: residual \(residual?.shape ?? []) for a result \(resultShape)")
        var result = Tensor(uninitialized: resultShape)
        let tape =
            Tape.of(self, factor.plain, bias, residual) ?? map.tracked?.trace?.tape
        guard let tape else {
            linear(factor, bias: bias, after: map, adding: residual, into: &result)
            return result
        }
        let weight = factor.weights
        // Weights that are trained change after every use: they are not cached.
        linear(.plain(weight, nil), bias: bias, after: map, adding: residual, into: &result)
        let isInputNeeded = weight.isTracked || map.needsInput(isTracked: isTracked)
        return tape.record(result) {
            [
                x = isInputNeeded ? untracked : nil, weight = weight.untracked, shape,
                map = map.untracked,
                indices = (
                    x: trace?.index, weight: weight.trace?.index, bias: bias?.trace?.index,
                    residual: residual?.trace?.index
                ), biasShape = bias?.shape, mapIndices = map.indices
            ] gradient, cotangents in
            cotangents.add(gradient, to: indices.residual)
            withUnsafePointers(reading: gradient, weight) { [rowsShape = gradient.shape] in
                let (rows, factor) = (MatrixView($0, rowsShape), MatrixView($1, weight.shape))
                if let biasShape {
                    cotangents.update(indices.bias, shape: biasShape, rows.addColumnSums)
                }
                if let x {
                    cotangents.update(indices.weight, shape: weight.shape) { target, isSum in
                        x.withMatrix(after: map) {
                            multiply(
                                rows.transposed, $0, into: target, rowStride: shape[-1],
                                accumulates: isSum)
                        }
                    }
                }
                func multiplyByWeight(
                    _ target: UnsafeMutablePointer<Float>, _ isSum: Bool, _ epilogue: Epilogue?
                ) {
                    multiply(
                        rows, factor, into: target, rowStride: shape[-1], accumulates: isSum,
                        epilogue: epilogue)
                }
                switch map {
                case .identity:
                    cotangents.update(indices.x, shape: shape) { multiplyByWeight($0, $1, nil) }
                case .gelu:
                    guard let x, let index = indices.x else { return }
                    var first = Tensor(uninitialized: shape)
                    withUnsafePointers(writing: &first, reading: x) {
                        var epilogue = Epilogue()
                        epilogue.slope_at = $1
                        epilogue.slope_row_stride = shape[-1]
                        multiplyByWeight($0, false, epilogue)
                    }
                    cotangents.add(first, to: index)
                case .norm(let norm):
                    guard let x else { return }
                    var normed = Tensor(uninitialized: shape)
                    withUnsafePointers(writing: &normed) { multiplyByWeight($0, false, nil) }
                    x.pullBackLayerNorm(norm, normed, (indices.x, mapIndices), &cotangents)
                }
            }
        }
    }

    /// Computes the value only, into a tensor just made.
    private func linear(
        _ factor: Factor, bias: Tensor?, after map: InputMap, adding residual: Tensor?,
        into result: inout Tensor
    ) {
        let outputs = factor.shape[0]
        withUnsafePointers(writing: &result, reading: bias, residual) { target, bias, residual in
            func multiply(_ weights: MatrixView, _ packed: PackedFactor?) {
                var epilogue = Epilogue()
                epilogue.bias = bias
                epilogue.residual = residual
                epilogue.residual_row_stride = outputs
                withMatrix(after: map) {
                    Tensors.multiply(
                        $0, weights, packed: packed, into: target, rowStride: outputs,
                        epilogue: bias == nil && residual == nil ? nil : epilogue)
                }
            }
            switch factor {
            case .plain(let weight, let cache):
                withUnsafePointers(reading: weight) {
                    let view = MatrixView($0, weight.shape).transposed
                    multiply(view, cache?.factor(view))
                }
            case .packed(let packed):
                withUnsafePointers(reading: packed) { multiply(packed.view(at: $0), packed) }
            case .integers(let integers):
                withMatrix(after: map) {
                    integers.multiply(
                        $0, into: target, rowStride: outputs, bias: bias, residual: residual)
                }
            }
        }
    }

    /// Calls `body` with a view of the elements to which the map is applied.
    func withMatrix(after map: InputMap, _ body: (MatrixView) -> Void) {
        switch map {
        case .identity:
            withUnsafePointers(reading: self) { body(MatrixView($0, shape)) }
        case .gelu:
            withUnsafePointers(reading: self) { body(MatrixView($0, shape, map: .gelu)) }
        case .norm(let norm):
            withUnsafePointers(reading: self, norm.weight, norm.bias) {
                body(
                    MatrixView(
                        $0, shape,
                        map: .layerNorm(weight: $1, bias: $2, epsilon: norm.epsilon)))
            }
        }
    }
}

extension InputMap {
    /// A tracked tensor of the map, if there is one.
    var tracked: Tensor? {
        guard case .norm(let norm) = self else { return nil }
        return norm.weight.isTracked ? norm.weight : norm.bias.isTracked ? norm.bias : nil
    }

    /// Whether the gradients of its input and its parameters need the input's elements.
    fileprivate func needsInput(isTracked: Bool) -> Bool {
        switch self {
        case .identity: false
        case .gelu: isTracked
        case .norm: isTracked || tracked != nil
        }
    }

    fileprivate var untracked: InputMap {
        guard case .norm(let norm) = self else { return self }
        return .norm(
            LayerNorm(
                weight: norm.weight.untracked, bias: norm.bias.untracked, epsilon: norm.epsilon))
    }

    /// The indices of a norm's parameters on the tape.
    fileprivate var indices: (weight: Int?, bias: Int?) {
        guard case .norm(let norm) = self else { return (nil, nil) }
        return (norm.weight.trace?.index, norm.bias.trace?.index)
    }
}
