import Platform

/// A dense array of 32-bit floats in row-major order, with value semantics.
///
/// Copies share their elements until one of them is changed. A tensor may also be a run of
/// consecutive rows of another (`rows(_:)`), which shares its elements likewise.
public struct Tensor: Sendable {
    /// The extents, outermost first.
    public let shape: Shape
    var storage: Storage
    /// Where the first element lies in the storage.
    var offset: Int
    /// Where the tensor is recorded, if what is computed from it is to have a gradient.
    package var trace: Trace?

    init(shape: Shape, storage: Storage, offset: Int) {
        self.shape = shape
        self.storage = storage
        self.offset = offset
    }

    /// Creates a tensor whose elements are undefined until written.
    package init(uninitialized shape: Shape) {
        self.init(shape: shape, storage: Storage(count: shape.count), offset: 0)
    }

    /// Creates a tensor of a shape without memory for its elements, which nobody may ask for.
    init(standingInFor shape: Shape) {
        self.init(shape: shape, storage: Storage(count: 0), offset: 0)
    }

    /// Creates a tensor whose elements all have one value.
    public init(repeating value: Float, shape: Shape) {
        self.init(uninitialized: shape)
        storage.base.initialize(repeating: value, count: shape.count)
    }

    /// Creates a tensor from its elements in row-major order.
    ///
    /// - Precondition: there are as many elements as the shape has.
    public init(_ elements: some Collection<Float>, shape: Shape) {
        require(
            elements.count == shape.count,
            "Tensor: \(elements.count) elements do not fill the shape \(shape)")
        self.init(uninitialized: shape)
        _ = UnsafeMutableBufferPointer(start: storage.base, count: shape.count)
            .initialize(from: elements)
    }

    /// Creates a tensor that `body` fills; every element must be written.
    public init(
        shape: Shape, initializedBy body: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        self.init(uninitialized: shape)
        try body(UnsafeMutableBufferPointer(start: storage.base, count: shape.count))
    }

    /// The first element. Whoever reads through it keeps the tensor alive meanwhile
    /// (`withExtendedLifetime`).
    package var base: UnsafePointer<Float> { UnsafePointer(storage.base + offset) }

    /// The first element of a tensor that has just been made and that nobody else has seen; the same
    /// care for its lifetime.
    package var mutableBase: UnsafeMutablePointer<Float> { storage.base + offset }

    /// What holds the memory: there as long as anybody uses it.
    package var owner: AnyObject { storage }

    /// The number of elements.
    public var count: Int { shape.count }

    /// The elements in row-major order. Complexity: O(count).
    public var elements: [Float] { withUnsafeElements { Array($0) } }

    /// Gives read access to the elements in row-major order.
    public func withUnsafeElements<Result>(
        _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(storage) {
            try body(UnsafeBufferPointer(start: storage.base + offset, count: count))
        }
    }

    /// Gives write access to the elements in row-major order, copying them first if they are shared.
    public mutating func withUnsafeMutableElements<Result>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        require(
            trace == nil, "withUnsafeMutableElements: \(shape) is tracked, and a write unrecorded")
        makeUnique()
        return try withExtendedLifetime(storage) {
            try body(UnsafeMutableBufferPointer(start: storage.base + offset, count: count))
        }
    }

    /// Copies the elements if they are shared.
    mutating func makeUnique() {
        guard !isKnownUniquelyReferenced(&storage) else { return }
        let copy = Storage(count: count)
        copy.base.update(from: storage.base + offset, count: count)
        storage = copy
        offset = 0
    }

    /// The element at an index into each dimension. For single look-ups; loops use
    /// `withUnsafeElements`.
    public subscript(_ indices: Int...) -> Float {
        require(
            indices.count == shape.rank,
            "Tensor: \(indices.count) indices for the shape \(shape)")
        var position = 0
        for (index, extent) in zip(indices, shape.dimensions) {
            require(
                0 <= index && index < extent, "Tensor: index \(indices) outside \(shape)")
            position = position * extent + index
        }
        return withUnsafeElements { $0[position] }
    }
}

extension Tensor: Equatable {
    /// Whether two tensors have the same shape and equal elements (NaN equals nothing).
    public static func == (left: Tensor, right: Tensor) -> Bool {
        left.shape == right.shape
            && left.withUnsafeElements { a in
                right.withUnsafeElements { b in a.elementsEqual(b) }
            }
    }
}
