#if canImport(Glibc)
    @_exported import Glibc
#elseif canImport(Musl)
    @_exported import Musl
#elseif canImport(Darwin)
    @_exported import Darwin
#endif

/// Why the system refused a call, in its own words, or why it was not asked.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: Int32
    private let words: String?

    /// The error of the last call that failed on this thread, or one of the system's numbers.
    package init(_ code: Int32 = errno) {
        self.code = code
        words = nil
    }

    package init(_ words: String) {
        code = 0
        self.words = words
    }

    package var description: String { words ?? String(cString: strerror(code)) }
}
