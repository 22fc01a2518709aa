import Tensors

/// Uninitialised memory for plain values, returned to the tensors' pool by its last owner.
///
/// `@unchecked Sendable`: tasks write disjoint elements, as `Parallelism.perform` requires, and a block is
/// shared only after writing has finished.
final class Block<Element: BitwiseCopyable>: @unchecked Sendable {
    let base: UnsafeMutablePointer<Element>
    private let memory: Scratch

    init(count: Int) {
        let floats = MemoryLayout<Float>.stride
        memory = Scratch(count: (count * MemoryLayout<Element>.stride + floats - 1) / floats)
        base = UnsafeMutableRawPointer(memory.base).bindMemory(to: Element.self, capacity: count)
    }

    convenience init(repeating value: Element, count: Int) {
        self.init(count: count)
        base.initialize(repeating: value, count: count)
    }
}
