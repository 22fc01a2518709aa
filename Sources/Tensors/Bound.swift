/// The range of values that an option accepts, and its name in error messages.
///
/// Each bound is declared once, next to its option, and checks command-line arguments, configurations made in code and
/// those read from files alike. Its comment gives the reason: the largest value in use, or the cost of the limit.
package struct Bound<Value: Comparable & Sendable>: Sendable {
    package let name: String
    package let range: ClosedRange<Value>

    package init(_ name: String, _ range: ClosedRange<Value>) {
        self.name = name
        self.range = range
    }

    /// Describes what is wrong with a value, such as `epochs 0 is not from 1 to 100000`; nil if it is in range or nil.
    /// NaN is always out of range.
    ///
    /// - Parameter name: replaces the bound's own name.
    package func fault(_ value: Value?, as name: String? = nil) -> String? {
        guard let value, !range.contains(value) else { return nil }
        return
            "\(name ?? self.name) \(value) is not from \(range.lowerBound) to \(range.upperBound)"
    }

    /// The same for both ends of a range of values.
    package func fault(_ values: ClosedRange<Value>) -> String? {
        fault(values.lowerBound) ?? fault(values.upperBound)
    }
}

/// Options that can check their own values.
///
/// Values that come from a user or a file are checked before they are used; code that sets them may check them too.
public protocol Bounded {
    /// What is wrong with the values, as a clause; nil if they are usable.
    ///
    /// - Complexity: O(values).
    var fault: String? { get }
}

/// The first fault that is not nil.
package func firstFault(_ faults: String?...) -> String? { faults.compactMap(\.self).first }
