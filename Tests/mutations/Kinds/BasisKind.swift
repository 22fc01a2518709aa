import Descriptors
import Tensors

/// A file of principal components, onto which descriptors are projected.
struct BasisKind: Kind {
    let name = "basis"
    let fileName = "basis.safetensors"
    let seeds: [[UInt8]]

    init() throws {
        let sets = (0..<2).map { Self.points($0, channels: 8) }
        let saliency = sets.map { set in
            Tensor((0..<set.shape[0]).map { Float($0 % 5) }, shape: [set.shape[0]])
        }
        let bases = [
            try PrincipalBasis(of: sets, count: 3),
            try PrincipalBasis(of: sets, foregroundBy: saliency, count: 4),
        ]
        seeds = try bases.map { basis in
            try Fixtures.written {
                try basis.write(to: $0, metadata: ["layer": "11", "facet": "key"])
            }
        }
    }

    private static func points(_ number: Int, channels: Int) -> Tensor {
        var generator = Xoshiro256(seed: 6, stream: number)
        let count = 30 * channels
        return Tensor(
            (0..<count).map { Float($0 % channels) * Float(generator.nextNormal()) },
            shape: [30, channels])
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        SafetensorsFile.mutated(bytes, using: &random)
    }

    func use(_ path: String) throws {
        let basis = try PrincipalBasis(contentsOf: path)
        let points = Self.points(9, channels: basis.components.channels)
        let coordinates = basis.projected(points)
        _ = basis.components.explainedVarianceRatio
        precondition(
            coordinates.shape == [30, basis.components.count], "\(coordinates.shape) coordinates")
    }
}
