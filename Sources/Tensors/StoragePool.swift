import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Recycles blocks of floats: at the sizes of a transformer, page faults on freshly mapped memory cost as much as the
/// arithmetic that fills it.
///
/// Returned blocks are kept by capacity, up to `cacheLimit` bytes in total; beyond that they are freed. Capacities are
/// rounded up to 32nds of a power of two, and a free block also serves requests up to a third smaller, so that
/// varying sizes (stochastic depth varies the sample count) still find memory to reuse.
package final class StoragePool: Sendable {
    package static let shared = StoragePool()

    /// The most bytes kept for reuse.
    package static let cacheLimit = 1 << 30

    private struct State {
        /// Addresses of the free blocks, by capacity in floats.
        var free: [Int: [UInt]] = [:]
        var bytesKept = 0
    }

    private let state = Lock(State())

    package init() {}

    /// The capacity of the block for `count` floats: `count` rounded up as described above.
    package static func capacity(for count: Int) -> Int {
        guard count > 64 else { return 64 }
        let powerOfTwo = 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
        let step = max(64, powerOfTwo / 32)
        return (count + step - 1) / step * step
    }

    /// Takes a block of at least `capacity` floats.
    ///
    /// - Parameter capacity: a value of `capacity(for:)`.
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

    /// Returns a block to the pool, or frees it where the pool is full.
    package func give(_ base: UnsafeMutablePointer<Float>, capacity: Int) {
        let bytes = capacity * MemoryLayout<Float>.stride
        let kept = state.withLock { state -> Bool in
            guard state.bytesKept + bytes <= StoragePool.cacheLimit else { return false }
            state.bytesKept += bytes
            state.free[capacity, default: []].append(UInt(bitPattern: base))
            return true
        }
        if !kept { free(base) }
    }

    /// Frees every block in the pool.
    package func drain() {
        let addresses = state.withLock { state in
            let addresses = state.free.values.flatMap { $0 }
            state = State()
            return addresses
        }
        for address in addresses { free(UnsafeMutableRawPointer(bitPattern: address)) }
    }

    /// Called when the system has no memory for a tensor. Computation cannot continue from there; by default the
    /// process ends like a failed precondition. A program that wants to end in its own way replaces this before it
    /// computes.
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
            // Huge pages: one fault per 2 MiB instead of 512, and far fewer TLB misses.
            if bytes >= hugePage { madvise(pointer, bytes, MADV_HUGEPAGE) }
        #endif
        return pointer.bindMemory(to: Float.self, capacity: capacity)
    }
}
