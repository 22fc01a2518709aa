import Foundation

/// A rank that is a thread of this process; for tests.
package struct ThreadCommunicator: Communicator {
    package let rank: Int
    package let count: Int
    private let post: Post

    package var host: String { "thread \(rank)" }

    /// Creates all ranks of a group.
    package static func ranks(_ count: Int) -> [ThreadCommunicator] {
        let post = Post()
        return (0..<count).map { ThreadCommunicator(rank: $0, count: count, post: post) }
    }

    /// Runs `body` for each rank of a group on a thread of its own.
    ///
    /// - Returns: the results by rank.
    package static func run<Result: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (ThreadCommunicator) throws -> Result
    ) throws -> [Result] {
        let results = Results<Result>(count: count)
        for communicator in ranks(count) {
            let thread = Thread {
                results.set(communicator.rank, Swift.Result { try body(communicator) })
            }
            thread.stackSize = 1 << 23
            thread.start()
        }
        return try results.all().map { try $0.get() }
    }

    package func exchange(
        _ bytes: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer,
        with partner: Int
    ) {
        if bytes.count > 0 { post.put(Array(bytes), from: rank, to: partner) }
        if buffer.count > 0 { buffer.copyBytes(from: post.take(from: partner, to: rank)) }
    }

    /// Messages on their way.
    ///
    /// `@unchecked Sendable`: the messages are accessed only under the condition's lock.
    private final class Post: @unchecked Sendable {
        private struct Way: Hashable {
            var from: Int
            var to: Int
        }

        private let condition = NSCondition()
        private var messages: [Way: [[UInt8]]] = [:]

        func put(_ message: [UInt8], from: Int, to: Int) {
            condition.withLock {
                messages[Way(from: from, to: to), default: []].append(message)
                condition.broadcast()
            }
        }

        func take(from: Int, to: Int) -> [UInt8] {
            let way = Way(from: from, to: to)
            return condition.withLock {
                while messages[way, default: []].isEmpty { condition.wait() }
                return messages[way, default: []].removeFirst()
            }
        }
    }

    /// The results of threads, by rank.
    ///
    /// `@unchecked Sendable`: the values are accessed only under the condition's lock.
    private final class Results<Value: Sendable>: @unchecked Sendable {
        private let condition = NSCondition()
        private var values: [Swift.Result<Value, any Error>?]

        init(count: Int) { values = Array(repeating: nil, count: count) }

        func set(_ rank: Int, _ value: Swift.Result<Value, any Error>) {
            condition.withLock {
                values[rank] = value
                condition.broadcast()
            }
        }

        /// Waits for all threads.
        func all() -> [Swift.Result<Value, any Error>] {
            condition.withLock {
                while values.contains(where: { $0 == nil }) { condition.wait() }
                return values.compactMap(\.self)
            }
        }
    }
}
