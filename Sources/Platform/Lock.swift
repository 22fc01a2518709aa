import Foundation

/// A value that one thread at a time can access.
///
/// Used instead of `Synchronization.Mutex`, which on Linux makes system calls that the thread sanitizer does not see:
/// it would report whatever such a mutex protects.
///
/// `@unchecked Sendable`: the value is only accessed under the lock.
package final class Lock<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
    }

    package func withLock<Result, Failure>(
        _ body: (inout Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
