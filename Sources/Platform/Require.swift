/// Ends the program where a condition does not hold that only a programmer can break, with a sentence
/// that names the operation and what was wrong. Unlike the standard library's `precondition`, it keeps
/// its sentence in release builds.
///
/// The condition is tested in line; the sentence is made only where it does not hold.
@inlinable
@inline(__always)
package func require(
    _ condition: @autoclosure () -> Bool, _ sentence: @autoclosure () -> String,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { fail(sentence(), file: file, line: line) }
}

/// Ends the program with a sentence.
@usableFromInline
@inline(never)
package func fail(
    _ sentence: String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
    fatalError(sentence, file: file, line: line)
}
