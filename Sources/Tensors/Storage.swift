/// A block of floats from the pool, shared by tensors; it returns to the pool with its last owner.
///
/// It also serves as scratch memory. Pointers to its floats come from `withUnsafePointers` alone, which keeps it alive
/// while they are used.
///
/// `@unchecked Sendable`: the memory is written only by the code that has just made the storage,
/// or by a tensor that holds the only reference to it (see `Tensor.withUnsafeMutableElements`).
package final class Storage: @unchecked Sendable {
    fileprivate let base: UnsafeMutablePointer<Float>
    let capacity: Int

    /// Takes a block of at least `count` floats from the pool, aligned to a cache line, with undefined contents.
    package init(count: Int) {
        (base, capacity) = StoragePool.shared.take(capacity: StoragePool.capacity(for: count))
    }

    deinit {
        StoragePool.shared.give(base, capacity: capacity)
    }
}

/// Memory that `withUnsafePointers` gives access to.
package protocol ElementMemory {
    /// What the access consists of, such as a pointer to the first element.
    associatedtype Pointer

    /// The pointer, valid while this value lives. For `withUnsafePointers` alone, which keeps the value alive.
    var unguardedPointer: Pointer { get }
}

extension Storage: ElementMemory {
    package var unguardedPointer: UnsafeMutablePointer<Float> { base }
}

extension Tensor: ElementMemory {
    package var unguardedPointer: UnsafePointer<Float> { UnsafePointer(storage.base + offset) }
}

extension Optional: ElementMemory where Wrapped: ElementMemory {
    package var unguardedPointer: Wrapped.Pointer? { map(\.unguardedPointer) }
}

extension Array: ElementMemory where Element: ElementMemory {
    package var unguardedPointer: [Element.Pointer] { map(\.unguardedPointer) }
}

/// Gives `body` pointers to the first elements of tensors, row-major, which it may read. The memory lives until `body`
/// returns.
///
/// - Parameters:
///   - memory: tensors, optional tensors (nil gives a nil pointer), arrays of tensors (which give arrays of pointers),
///     or scratch memory, which may be written.
///   - body: must not let the pointers escape.
package func withUnsafePointers<each Memory: ElementMemory, Result, Failure: Error>(
    reading memory: repeat each Memory,
    perform body: (repeat (each Memory).Pointer) throws(Failure) -> Result
) throws(Failure) -> Result {
    defer { withExtendedLifetime((repeat each memory)) {} }
    return try body(repeat (each memory).unguardedPointer)
}

/// Gives `body` a pointer to the first element of a tensor, which it may write, and others for reading. A tensor that
/// shares its elements is copied first; one just made is not.
///
/// - Parameters:
///   - target: the tensor to write.
///   - memory: as above.
///   - body: receives the target's pointer first; must not let the pointers escape.
package func withUnsafePointers<each Memory: ElementMemory, Result, Failure: Error>(
    writing target: inout Tensor, reading memory: repeat each Memory,
    perform body: (UnsafeMutablePointer<Float>, repeat (each Memory).Pointer) throws(Failure) ->
        Result
) throws(Failure) -> Result {
    target.makeUnique()
    defer { withExtendedLifetime((target.storage, repeat each memory)) {} }
    return try body(target.storage.base + target.offset, repeat (each memory).unguardedPointer)
}

/// The same with two tensors to write.
package func withUnsafePointers<each Memory: ElementMemory, Result, Failure: Error>(
    writing first: inout Tensor, _ second: inout Tensor, reading memory: repeat each Memory,
    perform body: (
        UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, repeat (each Memory).Pointer
    ) throws(Failure) -> Result
) throws(Failure) -> Result {
    first.makeUnique()
    second.makeUnique()
    defer { withExtendedLifetime((first.storage, second.storage, repeat each memory)) {} }
    return try body(
        first.storage.base + first.offset, second.storage.base + second.offset,
        repeat (each memory).unguardedPointer)
}
