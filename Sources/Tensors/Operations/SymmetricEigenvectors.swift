import CBLAS
import Platform

/// The eigenvectors of a symmetric matrix with the largest eigenvalues, by LAPACK's `dsyevr`.
///
/// - Parameters:
///   - matrix: `order * order` elements, row-major, of which those on and below the diagonal are read; overwritten.
///   - order: the number of rows.
///   - count: the number of eigenvectors.
/// - Returns: eigenvalues, largest first, and the corresponding vectors of length 1, one after another, each with
///   arbitrary sign; nil if an element is infinite or NaN or the method does not converge.
/// - Precondition: `1 <= count <= order` and the matrix has `order * order` elements.
/// - Complexity: O(order³) time; O(order) memory besides the matrix.
package func largestEigenvectors(
    of matrix: inout [Double], order: Int, count: Int
) -> (values: [Double], vectors: [Double])? {
    require(
        matrix.count == order * order && count >= 1 && count <= order,
        "largestEigenvectors: \(count) of order \(order) in \(matrix.count) elements")
    guard matrix.allSatisfy(\.isFinite) else { return nil }
    var found: Int32 = 0
    var values = [Double](repeating: 0, count: order)
    var vectors = [Double](repeating: 0, count: order * count)
    var support = [Int32](repeating: 0, count: 2 * count)
    let n = Int32(order)
    // The lower triangle by rows is the upper triangle by columns; in column-major order LAPACKE makes no copy, and
    // each vector is contiguous.
    let status = LAPACKE_dsyevr(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "I")),
        CChar(UInt8(ascii: "U")), n, &matrix, n, 0, 0, n - Int32(count) + 1, n, 0, &found, &values,
        &vectors, n, &support)
    guard status == 0, found == count else { return nil }
    // LAPACK's order is ascending.
    let ordered = (0..<count).reversed().flatMap { vectors[$0 * order..<($0 + 1) * order] }
    return (values.prefix(count).reversed(), ordered)
}
