internal import CKernels
import Platform

/// What a linear map's input goes through first; it is never stored.
public enum InputMap: Sendable {
    case identity
    /// x Phi(x), Phi the normal distribution function: the exact GELU (Hendrycks and Gimpel 2016),
    /// within 1e-7.
    case gelu
    /// Layer normalisation of the innermost dimension; see `Tensor.layerNorm`.
    case norm(LayerNorm)
}

extension Tensor {
    /// `y = map(x) Wᵀ + b + residual`, in one pass over the result.
    ///
    /// With P the gradient of y: that of `map(x)` is `P W`, `dW = Pᵀ map(x)`, `db` the sum of P's rows,
    /// and the residual's is P. Kept for it: x (where it or W is tracked and needs it) and W; `map(x)` is
    /// computed again, which takes far less time than the product with it.
    ///
    /// - Parameters:
    ///   - weight: W, `[outputs, inputs]`.
    ///   - bias: b, `[outputs]`.
    ///   - map: what x goes through first.
    ///   - residual: of the result's shape.
    /// - Returns: `[..., outputs]` for x of `[..., inputs]`.
    /// - Complexity: O(rows x inputs x outputs).
    public func linear(
        weight: Tensor, bias: Tensor? = nil, after map: InputMap = .identity,
        adding residual: Tensor? = nil
    ) -> Tensor {
        linear(weight: weight, kept: nil, bias: bias, after: map, adding: residual)
    }

    /// - Parameter kept: what keeps the weights as the kernel takes them.
    func linear(
        weight: Tensor, kept: KeptFactor?, bias: Tensor?, after map: InputMap,
        adding residual: Tensor?
    ) -> Tensor {
        require(
            shape.rank >= 1 && weight.shape.rank == 2 && shape[-1] == weight.shape[1],
            "linear: \(shape) by weights \(weight.shape)")
        let resultShape = Shape(shape.dimensions.dropLast() + [weight.shape[0]])
        require(
            bias == nil || bias?.count == weight.shape[0],
            "linear: bias \(bias?.shape ?? []) for weights \(weight.shape)")
        require(
            residual == nil || residual?.shape == resultShape,
            "linear: residual \(residual?.shape ?? []) for a result \(resultShape)")
        let result = Tensor(uninitialized: resultShape)
        let tape = Tape.of(self, weight, bias, residual) ?? map.tracked?.trace?.tape
        withExtendedLifetime(result) {
            linear(
                weight: weight, kept: tape == nil ? kept : nil, bias: bias, after: map,
                adding: residual, into: result.mutableBase)
        }
        guard let tape else { return result }
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
            withExtendedLifetime((gradient, x, weight)) {
                let rows = gradient.matrix
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
                        rows, weight.matrix, into: target, rowStride: shape[-1],
                        accumulates: isSum, epilogue: epilogue)
                }
                switch map {
                case .identity:
                    cotangents.update(indices.x, shape: shape) { multiplyByWeight($0, $1, nil) }
                case .gelu:
                    guard let x, let index = indices.x else { return }
                    let first = Tensor(uninitialized: shape)
                    var epilogue = Epilogue()
                    epilogue.slope_at = x.base
                    epilogue.slope_row_stride = shape[-1]
                    withExtendedLifetime(first) {
                        multiplyByWeight(first.mutableBase, false, epilogue)
                    }
                    cotangents.add(first, to: index)
                case .norm(let norm):
                    guard let x else { return }
                    let normed = Tensor(uninitialized: shape)
                    withExtendedLifetime(normed) {
                        multiplyByWeight(normed.mutableBase, false, nil)
                    }
                    x.pullBackLayerNorm(norm, normed, (indices.x, mapIndices), &cotangents)
                }
            }
        }
    }

    /// The value alone, written to memory that holds the result's elements: a part of a larger tensor.
    package func linear(
        weight: Tensor, kept: KeptFactor? = nil, bias: Tensor? = nil,
        after map: InputMap = .identity, adding residual: Tensor? = nil,
        into target: UnsafeMutablePointer<Float>
    ) {
        var epilogue = Epilogue()
        epilogue.bias = bias?.base
        epilogue.residual = residual?.base
        epilogue.residual_row_stride = weight.shape[0]
        withExtendedLifetime((weight, bias, residual)) {
            let factor = weight.matrix.transposed
            withMatrix(after: map) {
                multiply(
                    $0, factor, packed: kept?.factor(factor), into: target,
                    rowStride: weight.shape[0],
                    epilogue: bias == nil && residual == nil ? nil : epilogue)
            }
        }
    }

    /// Calls `body` with the elements as they are after a map.
    private func withMatrix(after map: InputMap, _ body: (MatrixView) -> Void) {
        withExtendedLifetime((self, map)) {
            switch map {
            case .identity: body(matrix)
            case .gelu: body(matrix(map: .gelu))
            case .norm(let norm):
                body(
                    matrix(
                        map: .layerNorm(
                            weight: norm.weight.base, bias: norm.bias.base, epsilon: norm.epsilon)))
            }
        }
    }
}

extension InputMap {
    /// One of its tensors that is tracked.
    fileprivate var tracked: Tensor? {
        guard case .norm(let norm) = self else { return nil }
        return norm.weight.isTracked ? norm.weight : norm.bias.isTracked ? norm.bias : nil
    }

    /// Whether the gradients with respect to its input and its tensors need the input's elements.
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

    /// Where a norm's tensors stand on the tape.
    fileprivate var indices: (weight: Int?, bias: Int?) {
        guard case .norm(let norm) = self else { return (nil, nil) }
        return (norm.weight.trace?.index, norm.bias.trace?.index)
    }
}
