import Foundation
import Platform
import Tensors

/// How the parameters of an untrained network are initialised.
public enum Initialization: String, Sendable, Codable, Hashable, CaseIterable {
    /// Matrices are normal with standard deviation 0.02, as in vision_transformer.py.
    case plain
    /// Attention imitates that of trained networks (Trockman and Kolter 2023, "Mimetic Initialization of
    /// Self-Attention Layers"), which speeds up learning from few pictures or in little time.
    case mimetic
}

extension VisionTransformer {
    /// Creates an untrained network with the given initialisation; see ``init(untrained:using:)``.
    ///
    /// - Parameters:
    ///   - configuration: the architecture.
    ///   - initialization: how parameters are initialised.
    ///   - generator: the source of random numbers; the same generator gives the same parameters.
    public init(
        untrained configuration: Configuration, initialization: Initialization,
        using generator: inout some RandomNumberGenerator
    ) {
        self.init(untrained: configuration, using: &generator)
        if initialization == .mimetic { startMimetically(using: &generator) }
    }

    /// Gives each head query and key weights whose product is about the identity, so that tokens attend to similar
    /// tokens, and value weights that subtract what a token already holds. Positions become sinusoids.
    ///
    ///     W_qᵀ W_k ≈ 0.7 Z + 0.7 I  (per head, the best approximation of its rank)
    ///     W_vᵀ W_outᵀ = 0.4 Z - 0.4 I
    ///
    /// Z is normal with variance 1 / width (section 4 of the paper; the factors are those for small data sets).
    ///
    /// - Complexity: O(depth x heads x width³).
    private mutating func startMimetically(using generator: inout some RandomNumberGenerator) {
        let width = configuration.width
        for index in blocks.indices {
            var queries: [Tensor] = []
            var keys: [Tensor] = []
            for _ in 0..<configuration.heads {
                let near = SquareMatrix.noisyIdentity(
                    width, noise: 0.7, identity: 0.7, using: &generator)
                let (query, key) = near.factors(rank: configuration.headWidth)
                queries.append(query)
                keys.append(key)
            }
            let far = SquareMatrix.noisyIdentity(
                width, noise: 0.4, identity: -0.4, using: &generator)
            let (value, output) = far.factors(rank: width)
            blocks[index].attention.projection.weight = .concatenated(queries + keys + [value])
            blocks[index].attention.output.weight = output.transposed()
        }
        guard let grid = positionEncoding?.grid else { return }
        positionEncoding?.table = sinusoids(on: grid, width: width)
    }
}

/// Sinusoidal codes of columns and rows: a quarter of the channels each for their sines and cosines, with
/// wavelengths from 2 pi to 10000 times that (Vaswani et al. 2017, in two dimensions). The class token's code is
/// zero.
private func sinusoids(on grid: PatchGrid, width: Int) -> Tensor {
    let quarter = width / 4
    return Tensor(shape: [1 + grid.count, width]) { codes in
        for i in codes.indices { codes[i] = 0 }
        for cell in 0..<grid.count {
            let places = [cell % grid.columns, cell / grid.columns]
            for (axis, place) in places.enumerated() {
                for i in 0..<quarter {
                    let angle = Double(place) * pow(10000, -Double(i) / Double(quarter))
                    let start = (1 + cell) * width + 2 * axis * quarter + i
                    codes[start] = Float(sin(angle))
                    codes[start + quarter] = Float(cos(angle))
                }
            }
        }
    }
}

/// A square matrix in double precision, row by row.
private struct SquareMatrix {
    let order: Int
    let elements: [Double]

    static func noisyIdentity(
        _ order: Int, noise: Double, identity: Double,
        using generator: inout some RandomNumberGenerator
    ) -> SquareMatrix {
        let deviation = noise / Double(order).squareRoot()
        var elements = [Double](repeating: 0, count: order * order)
        for i in elements.indices {
            elements[i] = deviation * generator.nextNormal()
            if i % (order + 1) == 0 { elements[i] += identity }
        }
        return SquareMatrix(order: order, elements: elements)
    }

    /// Factors a and b, `[rank, order]`, of equal norm, whose product `aᵀ b` is the best approximation of this
    /// matrix (Eckart and Young): `a = √s uᵀ` and `b = √s vᵀ` for the largest singular values s.
    func factors(rank: Int) -> (a: Tensor, b: Tensor) {
        var gram = [Double](repeating: 0, count: order * order)
        for k in 0..<order {
            let row = elements[k * order..<(k + 1) * order]
            for i in 0..<order {
                let factor = row[row.startIndex + i]
                for j in 0...i { gram[i * order + j] += factor * row[row.startIndex + j] }
            }
        }
        guard let (values, vectors) = largestEigenvectors(of: &gram, order: order, count: rank)
        else { fail("factors: the matrix is not finite") }
        var (a, b) = (
            Tensor(uninitialized: [rank, order]), Tensor(uninitialized: [rank, order])
        )
        withUnsafePointers(writing: &a, &b) { a, b in
            for (index, value) in values.enumerated() {
                let root = max(value, 1e-24).squareRoot().squareRoot()
                let v = vectors[index * order..<(index + 1) * order]
                for i in 0..<order {
                    var sum = 0.0
                    for j in 0..<order { sum += elements[i * order + j] * v[v.startIndex + j] }
                    a[index * order + i] = Float(sum / root)
                    b[index * order + i] = Float(root * v[v.startIndex + i])
                }
            }
        }
        return (a, b)
    }
}
