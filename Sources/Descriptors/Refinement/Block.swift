import Tensors

/// Memory for plain values, undefined until written, that goes back to the tensors' pool with its
/// last owner.
///
/// `@unchecked Sendable`: tasks write apart, as `Parallelism.perform` asks, and whoever shares a
/// block with others has finished writing.
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
