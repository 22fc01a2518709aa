import Platform

/// A dense array of 32-bit floats in row-major order, with value semantics.
///
/// Copies share their elements until one of them is changed. A tensor may also be a view of consecutive rows of another
/// (`rows(_:)`), with which it shares its elements in the same way.
public struct Tensor: Sendable {
    /// The extents, outermost first.
    public let shape: Shape
    var storage: Storage
    /// The index of the first element in the storage.
    var offset: Int
    /// The tape and index where the tensor is recorded; nil if it is not tracked.
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

    /// Creates a placeholder that has a shape but no memory; its elements must not be accessed.
    init(placeholder shape: Shape) {
        self.init(shape: shape, storage: Storage(count: 0), offset: 0)
    }

    /// Creates a tensor with every element equal to `value`.
    public init(repeating value: Float, shape: Shape) {
        self.init(shape: shape) { $0.initialize(repeating: value) }
    }

    /// Creates a tensor from its elements in row-major order.
    ///
    /// - Precondition: `elements.count == shape.count`.
    public init(_ elements: some Collection<Float>, shape: Shape) {
        require(
            elements.count == shape.count,
            "Tensor: \(elements.count) elements do not fill the shape \(shape)")
        self.init(shape: shape) { _ = $0.initialize(from: elements) }
    }

    /// Creates a tensor filled by `body`, which must write every element.
    public init(
        shape: Shape, initializedBy body: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        self.init(uninitialized: shape)
        try withUnsafePointers(writing: &self) {
            try body(UnsafeMutableBufferPointer(start: $0, count: shape.count))
        }
    }

    /// The object that owns the memory; holding it keeps the elements alive.
    package var owner: AnyObject { storage }

    /// The number of elements.
    public var count: Int { shape.count }

    /// The elements in row-major order.
    ///
    /// - Complexity: O(count).
    public var elements: [Float] { withUnsafeElements { Array($0) } }

    /// Gives `body` read access to the elements in row-major order.
    ///
    /// - Parameter body: must not let the buffer escape.
    public func withUnsafeElements<Result>(
        _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        try withUnsafePointers(reading: self) {
            try body(UnsafeBufferPointer(start: $0, count: count))
        }
    }

    /// Gives `body` write access to the elements in row-major order, copying them first if they are shared.
    ///
    /// - Parameter body: must not let the buffer escape.
    /// - Precondition: the tensor is not tracked.
    public mutating func withUnsafeMutableElements<Result>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        require(
            trace == nil,
            "withUnsafeMutableElements: \(shape) is tracked; a write would not be recorded")
        let count = count
        return try withUnsafePointers(writing: &self) {
            try body(UnsafeMutableBufferPointer(start: $0, count: count))
        }
    }

    /// Copies the elements if they are shared.
    mutating func makeUnique() {
        guard !isKnownUniquelyReferenced(&storage) else { return }
        let copy = Storage(count: count)
        withUnsafePointers(reading: copy, self) { $0.update(from: $1, count: count) }
        storage = copy
        offset = 0
    }

    /// The element at the given indices, one per dimension. For single elements; loops should use `withUnsafeElements`.
    ///
    /// - Precondition: each index is within its dimension.
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
    /// Whether two tensors have the same shape and equal elements. As with floats, NaN differs from itself.
    public static func == (left: Tensor, right: Tensor) -> Bool {
        left.shape == right.shape
            && left.withUnsafeElements { a in
                right.withUnsafeElements { b in a.elementsEqual(b) }
            }
    }
}
