import Tensors

/// Uninitialised memory for plain values, returned to the tensors' pool by its last owner. Loops over many elements take
/// a pointer from `withUnsafePointers`.
///
/// `@unchecked Sendable`: tasks write disjoint elements, as `Parallelism.perform` requires, and a block is
/// shared only after writing has finished.
final class Block<Element: BitwiseCopyable>: ElementMemory, @unchecked Sendable {
    let unguardedPointer: UnsafeMutablePointer<Element>
    private let memory: Storage

    init(count: Int) {
        let floats = MemoryLayout<Float>.stride
        memory = Storage(count: (count * MemoryLayout<Element>.stride + floats - 1) / floats)
        unguardedPointer = UnsafeMutableRawPointer(memory.unguardedPointer)
            .bindMemory(to: Element.self, capacity: count)
    }

    convenience init(repeating value: Element, count: Int) {
        self.init(count: count)
        unguardedPointer.initialize(repeating: value, count: count)
    }

    subscript(index: Int) -> Element {
        get { withExtendedLifetime(self) { unguardedPointer[index] } }
        set { withExtendedLifetime(self) { unguardedPointer[index] = newValue } }
    }

    /// The first elements.
    func prefix(_ count: Int) -> [Element] {
        withUnsafePointers(reading: self) {
            Array(UnsafeBufferPointer(start: $0, count: count))
        }
    }
}
