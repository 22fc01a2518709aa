import Platform

/// One of several processes, called ranks, that work on a task together; by default there is only one, ``Alone``.
///
/// All ranks run the same program and must call the operations below in the same order. A communicator provides one
/// primitive, the exchange of bytes between two ranks; sums, gathering and broadcasts are built on it, in the same
/// order of additions for any number of ranks.
///
/// If a rank is lost, its partners cannot continue: `exchange` then ends the process with a message instead of
/// returning.
public protocol Communicator: Sendable {
    /// This process's index among the ranks, from 0.
    var rank: Int { get }
    /// The number of ranks.
    var count: Int { get }
    /// The name of the machine, for messages.
    var host: String { get }

    /// Sends bytes to another rank while receiving bytes from it.
    ///
    /// - Parameters:
    ///   - bytes: the bytes to send; if there are none, nothing is sent.
    ///   - buffer: receives exactly as many bytes as it holds, which the partner must send; if it holds none, nothing is
    ///     received. It does not overlap `bytes`.
    ///   - partner: the other rank, which calls this function with the counts exchanged.
    func exchange(
        _ bytes: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer,
        with partner: Int)
}

/// A single process.
public struct Alone: Communicator {
    /// Creates the communicator of a process that works alone.
    public init() {}

    /// 0.
    public var rank: Int { 0 }
    /// 1.
    public var count: Int { 1 }
    /// A phrase in place of the machine's name.
    public var host: String { "this machine" }

    /// Never called: there is no other rank.
    public func exchange(
        _ bytes: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer,
        with partner: Int
    ) {
        fail("Alone: an exchange with rank \(partner) of 1")
    }
}

extension Communicator {
    /// Copies the first rank's bytes to all ranks.
    ///
    /// - Parameter buffer: the bytes on rank 0; of the same length on all ranks.
    /// - Complexity: at most log2(ranks) messages of the whole length for a rank.
    public func broadcast(_ buffer: UnsafeMutableRawBufferPointer) {
        var distance = 1
        while distance < count { distance *= 2 }
        while distance > 1 {
            distance /= 2
            switch rank % (2 * distance) {
            case 0 where rank + distance < count:
                exchange(UnsafeRawBufferPointer(buffer), .empty, with: rank + distance)
            case distance:
                exchange(UnsafeRawBufferPointer.empty, buffer, with: rank - distance)
            default: break
            }
        }
    }

    /// Copies the first rank's elements to all ranks.
    ///
    /// - Parameter tensor: of the same shape on all ranks.
    package func broadcast(_ tensor: inout Tensor) {
        tensor.withUnsafeMutableElements { broadcast(UnsafeMutableRawBufferPointer($0)) }
    }

    /// Returns the first rank's bytes on all ranks.
    ///
    /// - Parameter bytes: those on rank 0; ignored elsewhere.
    /// - Complexity: as for the other form, after a message with the length.
    public func broadcast(_ bytes: [UInt8]) -> [UInt8] {
        guard count > 1 else { return bytes }
        var result = rank == 0 ? bytes : []
        var length = UInt64(result.count)
        withUnsafeMutableBytes(of: &length) { broadcast($0) }
        if rank != 0 { result = [UInt8](repeating: 0, count: Int(length)) }
        result.withUnsafeMutableBytes { broadcast($0) }
        return result
    }

    /// Returns the bytes of all ranks, by rank, on all of them.
    ///
    /// - Parameter bytes: this rank's; their number may differ from rank to rank.
    /// - Complexity: 2 (ranks - 1) messages for rank 0.
    public func gather(_ bytes: [UInt8]) -> [[UInt8]] {
        guard count > 1 else { return [bytes] }
        var parts = [[UInt8]](repeating: [], count: count)
        parts[rank] = bytes
        func send(_ values: [UInt8]) {
            values.withUnsafeBytes { exchange($0, .empty, with: 0) }
        }
        func receive(_ length: Int, from other: Int) -> [UInt8] {
            var values = [UInt8](repeating: 0, count: length)
            values.withUnsafeMutableBytes { exchange(.empty, $0, with: other) }
            return values
        }
        if rank == 0 {
            for other in 1..<count {
                let length = receive(8, from: other).withUnsafeBytes {
                    $0.loadUnaligned(as: UInt64.self)
                }
                parts[other] = receive(Int(length), from: other)
            }
        } else {
            withUnsafeBytes(of: UInt64(bytes.count)) { send(Array($0)) }
            send(bytes)
        }
        var lengths = parts.map { UInt64($0.count) }
        lengths.withUnsafeMutableBytes { broadcast($0) }
        var all = parts.flatMap(\.self)
        if rank != 0 { all = [UInt8](repeating: 0, count: Int(lengths.reduce(0, +))) }
        all.withUnsafeMutableBytes { broadcast($0) }
        var start = 0
        return lengths.map { length in
            defer { start += Int(length) }
            return Array(all[start..<start + Int(length)])
        }
    }

    /// Returns the numbers of all ranks, by rank, on all of them.
    ///
    /// - Parameter values: this rank's.
    package func gather<Number: BitwiseCopyable>(_ values: [Number]) -> [[Number]] {
        guard count > 1 else { return [values] }
        return gather(values.withUnsafeBytes { Array($0) }).map { (bytes: [UInt8]) in
            bytes.withUnsafeBytes { buffer in
                (0..<buffer.count / MemoryLayout<Number>.stride).map {
                    buffer.loadUnaligned(
                        fromByteOffset: $0 * MemoryLayout<Number>.stride, as: Number.self)
                }
            }
        }
    }

    /// Sets each flag's bits to those that are set on any rank.
    ///
    /// - Parameter flags: the same number on all ranks.
    /// - Complexity: at most 2 log2(ranks) messages for a rank.
    public func unite(_ flags: inout [UInt8]) {
        var others = [UInt8](repeating: 0, count: flags.count)
        var distance = 1
        while distance < count {
            switch rank % (2 * distance) {
            case 0 where rank + distance < count:
                others.withUnsafeMutableBytes { exchange(.empty, $0, with: rank + distance) }
                for index in flags.indices { flags[index] |= others[index] }
            case distance:
                flags.withUnsafeBytes { exchange($0, .empty, with: rank - distance) }
            default: break
            }
            distance *= 2
        }
        flags.withUnsafeMutableBytes { broadcast($0) }
    }

    /// Returns once all ranks have called this.
    public func barrier() {
        var flags: [UInt8] = [0]
        unite(&flags)
    }
}

extension UnsafeRawBufferPointer {
    /// No bytes.
    static var empty: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}

extension UnsafeMutableRawBufferPointer {
    /// No bytes.
    static var empty: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }
}
