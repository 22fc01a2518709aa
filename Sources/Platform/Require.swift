/// Ends the program if a condition that only a programming error can violate does not hold, with a message that names
/// the operation and the fault. Unlike the standard library's `precondition`, it shows the message in release builds
/// too.
///
/// The condition is tested inline; the message is built only on failure.
@inlinable
@inline(__always)
package func require(
    _ condition: @autoclosure () -> Bool, _ sentence: @autoclosure () -> String,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { fail(sentence(), file: file, line: line) }
}

/// Ends the program with a message.
@usableFromInline
@inline(never)
package func fail(
    _ sentence: String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
    fatalError(sentence, file: file, line: line)
}
