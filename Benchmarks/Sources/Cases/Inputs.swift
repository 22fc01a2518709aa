import Images
import Tensors
import ViT

/// Seeded numbers between plus and minus `bound`.
public func noise(_ shape: Shape, within bound: Float = 1, seed: UInt64 = 1) -> Tensor {
    var generator = Xoshiro256(seed: seed)
    return Tensor(
        (0..<shape.count).map { _ in Float.random(in: -bound...bound, using: &generator) },
        shape: shape)
}

/// A square picture with structure at several sizes, seen from `shift` pixels to the right.
public func scene(side: Int, shift: Int) -> Image {
    var pixels: [UInt8] = []
    for y in 0..<side {
        for x in shift..<side + shift {
            for channel in 0..<3 {
                let coarse = (x / 40 * 7 + y / 40 * 13 + channel * 5) % 11
                let fine = (x * x / 9 + y * (x / 16) + channel * 40) % 97
                pixels.append(UInt8(coarse * 15 + fine))
            }
        }
    }
    return Image(width: side, height: side, pixels: pixels)
}

/// A ViT-S/8 with seeded weights. Its queries and keys are five times as large as in an untrained
/// network, because nearly uniform attention might take another time than a trained network's.
public func vitSmall8() -> VisionTransformer {
    var generator = Xoshiro256(seed: 1)
    var model = VisionTransformer(untrained: .small(patchSize: 8), using: &generator)
    for index in model.blocks.indices {
        let weight = model.blocks[index].attention.projection.weight
        let queriesAndKeys = weight.count * 2 / 3
        model.blocks[index].attention.projection.weight = Tensor(
            weight.elements.enumerated().map { $0 < queriesAndKeys ? 5 * $1 : $1 },
            shape: weight.shape)
    }
    return model
}

/// A value created at its first use: a filter excludes most benchmarks.
public final class Lazy<Value> {
    private let make: () -> Value
    public lazy var value = make()

    public init(_ make: @escaping () -> Value) {
        self.make = make
    }
}
