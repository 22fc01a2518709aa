import CBLAS
import Platform

/// The eigenvectors of a symmetric matrix with the largest eigenvalues, by LAPACK's `dsyevr`.
///
/// - Parameters:
///   - matrix: `order * order` elements, of which those on and below the diagonal are read (row-major);
///     overwritten.
///   - count: how many.
/// - Returns: eigenvalues, largest first, and their vectors of length 1, one after the other, each
///   of either sign; nil where an element is infinite or not a number, or the method does not
///   converge.
/// - Precondition: `1 <= count <= order` and the matrix has `order * order` elements.
/// - Complexity: O(order³) time; O(order) memory beside the matrix.
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
    // What lies below the diagonal row by row lies above it column by column; column-major, LAPACKE
    // makes no copy, and each vector is contiguous.
    let status = LAPACKE_dsyevr(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "I")),
        CChar(UInt8(ascii: "U")), n, &matrix, n, 0, 0, n - Int32(count) + 1, n, 0, &found, &values,
        &vectors, n, &support)
    guard status == 0, found == count else { return nil }
    // Ascending, there.
    let ordered = (0..<count).reversed().flatMap { vectors[$0 * order..<($0 + 1) * order] }
    return (values.prefix(count).reversed(), ordered)
}
