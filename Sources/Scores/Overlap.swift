import Platform

/// Intersection over union of two masks: 1 for equal masks, 0 if both are empty.
///
/// - Precondition: both have the same number of pixels.
package func overlap(_ a: [Bool], _ b: [Bool]) -> Double {
    require(a.count == b.count, "overlap: \(a.count) pixels with \(b.count)")
    var (both, either) = (0, 0)
    for (a, b) in zip(a, b) {
        if a && b { both += 1 }
        if a || b { either += 1 }
    }
    return either > 0 ? Double(both) / Double(either) : 0
}
