import CBLAS
import Platform

extension Tensor {
    /// The singular values of a matrix, largest first: the square roots of the eigenvalues of its smaller Gram matrix,
    /// computed in double precision by LAPACK's `dsyevd`.
    ///
    /// Values below about 1e-8 of the largest are lost to rounding, which does not affect their entropy. Nil if an
    /// element is infinite or NaN.
    ///
    /// - Precondition: the tensor is a matrix with at least one row and column.
    /// - Complexity: O(s² l + s³) time and O(s²) memory, s the shorter side, l the longer one.
    package func singularValues() -> [Double]? {
        require(
            shape.rank == 2 && count > 0, "singularValues: \(shape) is not a matrix with elements")
        let (rows, columns) = (shape[0], shape[1])
        let isWide = rows <= columns
        let (side, length) = isWide ? (rows, columns) : (columns, rows)
        // The stride from one line of the shorter side to the next, and from element to element within a line.
        let (start, step) = isWide ? (columns, 1) : (1, columns)
        var gram = [Double](repeating: 0, count: side * side)
        withUnsafeElements { elements in
            for i in 0..<side {
                for j in 0...i {
                    var sum = 0.0
                    for k in 0..<length {
                        sum +=
                            Double(elements[i * start + k * step])
                            * Double(elements[j * start + k * step])
                    }
                    gram[i * side + j] = sum
                }
            }
        }
        // This also detects infinite and NaN elements, whose squares are on the diagonal.
        guard gram.allSatisfy(\.isFinite) else { return nil }
        var eigenvalues = [Double](repeating: 0, count: side)
        let order = Int32(side)
        let status = LAPACKE_dsyevd(
            LAPACK_ROW_MAJOR, CChar(UInt8(ascii: "N")), CChar(UInt8(ascii: "L")), order, &gram,
            order, &eigenvalues)
        guard status == 0 else { return nil }
        return eigenvalues.reversed().map { max($0, 0).squareRoot() }
    }
}
