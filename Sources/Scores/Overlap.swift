import Platform

/// The pixels in both of two masks over those in either: intersection over union, 1 for equal masks
/// and 0 where both are empty.
///
/// - Precondition: as many pixels in both.
package func overlap(_ a: [Bool], _ b: [Bool]) -> Double {
    require(a.count == b.count, "overlap: \(a.count) pixels with \(b.count)")
    var (both, either) = (0, 0)
    for (a, b) in zip(a, b) {
        if a && b { both += 1 }
        if a || b { either += 1 }
    }
    return either > 0 ? Double(both) / Double(either) : 0
}
