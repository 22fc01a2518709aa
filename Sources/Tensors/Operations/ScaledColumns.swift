import Platform

extension Tensor {
    /// `y = x gamma + residual`: each column is multiplied by its own factor, then a residual is added. This is the
    /// LayerScale of a transformer's branch (Touvron et al. 2021, "Going deeper with Image Transformers", section 2).
    ///
    /// `dx = dy gamma`, `dresidual = dy`, and the gradient of gamma is the sum of `dy x` over the rows. The pullback
    /// keeps x and gamma.
    ///
    /// - Parameters:
    ///   - gamma: the factors, `[width]`.
    ///   - residual: a tensor of this tensor's shape; nothing is added by default.
    /// - Complexity: O(count), in one pass over memory.
    public func scaledColumns(by gamma: Tensor, adding residual: Tensor? = nil) -> Tensor {
        require(
            shape.rank >= 1 && gamma.shape == [shape[-1]] && residual?.shape ?? shape == shape,
            "scaledColumns: \(shape) by \(gamma.shape), residual \(residual?.shape ?? shape)")
        let width = shape[-1]
        let rows = width > 0 ? count / width : 0
        var result = Tensor(uninitialized: shape)
        withUnsafePointers(writing: &result, reading: self, gamma, residual) {
            y, x, gamma, residual in
            inRowBlocks(of: rows) { _, rows in
                for row in rows {
                    let (x, y) = (x + row * width, y + row * width)
                    if let residual {
                        let residual = residual + row * width
                        for j in 0..<width { y[j] = x[j] * gamma[j] + residual[j] }
                    } else {
                        for j in 0..<width { y[j] = x[j] * gamma[j] }
                    }
                }
            }
        }
        guard let tape = Tape.of(self, gamma, residual) else { return result }
        return tape.record(result) {
            [
                x = untracked, gamma = gamma.untracked, shape,
                indices = (
                    x: trace?.index, gamma: gamma.trace?.index, residual: residual?.trace?.index
                )
            ] gradient, cotangents in
            // Each block's contribution to the gradient of gamma.
            var shares = Tensor(repeating: 0, shape: [rowBlocks(rows), width])
            withUnsafePointers(writing: &shares, reading: x, gamma, gradient) {
                shares, x, gamma, dy in
                func run(_ dx: UnsafeMutablePointer<Float>?, _ isSum: Bool) {
                    inRowBlocks(of: rows) { block, rows in
                        let share = shares + block * width
                        for row in rows {
                            let (x, dy) = (x + row * width, dy + row * width)
                            for j in 0..<width { share[j] += dy[j] * x[j] }
                            guard let dx = dx.map({ $0 + row * width }) else { continue }
                            for j in 0..<width {
                                dx[j] = (isSum ? dx[j] : 0) + dy[j] * gamma[j]
                            }
                        }
                    }
                }
                if indices.x == nil { run(nil, false) }
                cotangents.update(indices.x, shape: shape, run)
                cotangents.update(indices.gamma, shape: [width]) {
                    MatrixView(shares, rows: rowBlocks(rows), columns: width)
                        .addColumnSums(to: $0, isSum: $1)
                }
            }
            cotangents.add(gradient, to: indices.residual)
        }
    }
}
