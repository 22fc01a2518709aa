#if canImport(Glibc)
    @_exported import Glibc
#elseif canImport(Musl)
    @_exported import Musl
#elseif canImport(Darwin)
    @_exported import Darwin
#endif

/// Why a system call failed, in the system's words, or why it was not made.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: Int32
    private let words: String?

    /// The error of this thread's last failed call, or one given by its number.
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
