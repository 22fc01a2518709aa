#if canImport(Glibc)
    @_exported import Glibc
#elseif canImport(Musl)
    @_exported import Musl
#elseif canImport(Darwin)
    @_exported import Darwin
#endif

/// Why the system refused a call, in its own words.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: Int32

    /// The error of the last call that failed on this thread, or one of the system's numbers.
    package init(_ code: Int32 = errno) {
        self.code = code
    }

    package var description: String { String(cString: strerror(code)) }
}
