import Platform

extension Tensor {
    /// The transpose of a matrix: `[rows, columns]` becomes `[columns, rows]`; `dx = dyᵀ`. Complexity: O(count).
    ///
    /// A product with a transpose needs none: see `product(transposed:)`.
    public func transposed() -> Tensor {
        require(shape.rank == 2, "transposed: \(shape) is not a matrix")
        let (rows, columns) = (shape[0], shape[1])
        let result = withUnsafeElements { source in
            Tensor(shape: [columns, rows]) { target in
                for row in 0..<rows {
                    for column in 0..<columns {
                        target[column * rows + row] = source[row * columns + column]
                    }
                }
            }
        }
        guard let trace else { return result }
        return trace.tape.record(result) { [index = trace.index] gradient, cotangents in
            cotangents.add(gradient.transposed(), to: index)
        }
    }
}
