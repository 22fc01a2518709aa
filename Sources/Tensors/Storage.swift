import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A block of floats that tensors share and that goes back to the pool with its last owner.
///
/// `@unchecked Sendable`: the memory is written only by the code that has just made the storage,
/// or by a tensor that holds the only reference to it (see `Tensor.withUnsafeMutableElements`).
final class Storage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let capacity: Int

    /// Takes at least `count` floats from the pool, aligned to a cache line, their values undefined.
    init(count: Int) {
        (base, capacity) = StoragePool.shared.take(capacity: StoragePool.capacity(for: count))
    }

    deinit {
        StoragePool.shared.give(base, capacity: capacity)
    }
}

/// Recycles blocks of floats: at a transformer's sizes, the page faults of freshly mapped memory
/// cost as much as the arithmetic that fills it.
///
/// Blocks that come back are kept by capacity, up to `keepLimit` bytes in all; beyond that they are
/// freed. Capacities are rounded up to eighths of a power of two, and a block that waits also serves
/// what is up to a third smaller: sizes that vary, as the samples that stochastic depth keeps do, find
/// memory that is there.
package final class StoragePool: Sendable {
    package static let shared = StoragePool()

    /// The most bytes that are kept for later use.
    package static let keepLimit = 1 << 30

    private struct State {
        /// The blocks that wait, by capacity in floats, each as its address.
        var free: [Int: [UInt]] = [:]
        var bytesKept = 0
    }

    private let state = Lock(State())

    package init() {}

    package static func capacity(for count: Int) -> Int {
        guard count > 64 else { return 64 }
        let powerOfTwo = 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
        let step = max(64, powerOfTwo / 8)
        return (count + step - 1) / step * step
    }

    /// Takes a block of at least `capacity`, one that `capacity(for:)` gives.
    package func take(capacity: Int) -> (base: UnsafeMutablePointer<Float>, capacity: Int) {
        let kept = state.withLock { state -> (address: UInt, capacity: Int)? in
            var candidate = capacity
            while candidate <= capacity + capacity / 2 {
                if let address = state.free[candidate]?.popLast() {
                    state.bytesKept -= candidate * MemoryLayout<Float>.stride
                    return (address, candidate)
                }
                candidate = StoragePool.capacity(for: candidate + 1)
            }
            return nil
        }
        if let kept, let base = UnsafeMutablePointer<Float>(bitPattern: kept.address) {
            return (base, kept.capacity)
        }
        return (StoragePool.allocate(capacity: capacity), capacity)
    }

    package func give(_ base: UnsafeMutablePointer<Float>, capacity: Int) {
        let bytes = capacity * MemoryLayout<Float>.stride
        let kept = state.withLock { state -> Bool in
            guard state.bytesKept + bytes <= StoragePool.keepLimit else { return false }
            state.bytesKept += bytes
            state.free[capacity, default: []].append(UInt(bitPattern: base))
            return true
        }
        if !kept { free(base) }
    }

    /// Frees all that is kept.
    package func drain() {
        let addresses = state.withLock { state in
            let addresses = state.free.values.flatMap { $0 }
            state = State()
            return addresses
        }
        for address in addresses { free(UnsafeMutableRawPointer(bitPattern: address)) }
    }

    /// Called where the system has no memory for a tensor of so many bytes. A computation cannot go on
    /// from there; at first it ends with the sentence of a failed precondition. A program that wants to
    /// end in its own way sets this before it computes.
    package static let whenExhausted = Lock<@Sendable (_ bytes: Int) -> Never>({ bytes in
        fail("Tensor: no memory for \(bytes) bytes")
    })

    private static func allocate(capacity: Int) -> UnsafeMutablePointer<Float> {
        let (bytes, overflow) = capacity.multipliedReportingOverflow(
            by: MemoryLayout<Float>.stride)
        let hugePage = 1 << 21
        var pointer: UnsafeMutableRawPointer?
        let status =
            overflow ? 1 : posix_memalign(&pointer, bytes >= hugePage ? hugePage : 64, bytes)
        guard status == 0, let pointer else {
            whenExhausted.withLock(\.self)(overflow ? .max : bytes)
        }
        #if os(Linux)
            // Large pages: one fault for 2 MiB in place of 512, and far fewer TLB misses.
            if bytes >= hugePage { madvise(pointer, bytes, MADV_HUGEPAGE) }
        #endif
        return pointer.bindMemory(to: Float.self, capacity: capacity)
    }
}
