import Tensors
import Testing

/// Half the distance from 1 to the next float: the largest relative rounding error of one operation.
let rounding = 0x1p-24

/// The Euclidean norm.
func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

/// The kernels of one instruction set, by its name in the list of a test's arguments.
struct KernelSet: Sendable, CustomTestStringConvertible {
    let kernels: Kernels

    var testDescription: String { String(cString: kernels.name) }

    /// One for every instruction set of this processor.
    static let all = Kernels.available.map { KernelSet(kernels: $0) }
}

/// Seeded random numbers from -1 to 1.
struct Noise {
    private var generator: Xoshiro256

    init(seed: UInt64) { generator = Xoshiro256(seed: seed) }

    mutating func next() -> Float { Float(2 * generator.nextUniform() - 1) }

    mutating func index(below count: Int) -> Int { generator.nextIndex(below: count) }

    mutating func tensor(_ shape: Shape, scale: Float = 1) -> Tensor {
        Tensor((0..<shape.count).map { _ in scale * next() }, shape: shape)
    }

    /// The elements in random order (Fisher-Yates).
    mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
        var elements = elements
        for i in elements.indices.dropFirst().reversed() {
            elements.swapAt(i, index(below: i + 1))
        }
        return elements
    }
}

func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map(\.bitPattern) }

extension Tensor {
    /// Equal bit for bit, including NaN and the sign of zero.
    func isIdentical(to other: Tensor) -> Bool {
        shape == other.shape && bits(elements) == bits(other.elements)
    }

    /// Where the first element is: tells whether elements are shared, or written in place.
    var address: UInt { withUnsafePointers(reading: self) { UInt(bitPattern: $0) } }
}

/// The transpose of a matrix, element by element.
func plainTranspose(_ matrix: Tensor) -> Tensor {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1])
    let elements = matrix.elements
    return Tensor(
        (0..<rows * columns).map { elements[$0 % rows * columns + $0 / rows] },
        shape: [columns, rows])
}

/// The results of `body` with one, two and three threads.
func withEachThreadCount<Value>(_ body: () throws -> Value) rethrows -> [Value] {
    let before = Parallelism.threadCount
    defer { Parallelism.threadCount = before }
    return try [1, 2, 3].map {
        Parallelism.threadCount = $0
        return try body()
    }
}
