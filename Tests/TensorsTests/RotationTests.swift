import Tensors
import Testing

/// Rotary positions for more rows than a block holds, and the parts that are not rotated.
@Suite struct RotationTests {
    private static let (patches, tokens, heads, width) = (45, 48, 2, 12)

    private func inputs() -> (x: Tensor, angles: RotaryAngles) {
        var noise = Noise(seed: 1)
        let x = noise.tensor([2, Self.tokens, 3 * Self.width])
        let shape: Shape = [Self.patches, Self.width / Self.heads / 2]
        return (x, RotaryAngles(cosines: noise.tensor(shape), sines: noise.tensor(shape)))
    }

    @Test(arguments: 0...3)
    func rotatesPairsOfDimensionsAndNothingElse(blocks: Int) {
        let (x, angles) = inputs()
        let results = withEachThreadCount {
            x.rotated(by: angles, heads: Self.heads, width: Self.width, blocks: blocks)
        }
        let half = Self.width / Self.heads / 2
        for result in results {
            #expect(result.isIdentical(to: results[0]))
            for image in 0..<2 {
                for token in 0..<Self.tokens {
                    for column in 0..<3 * Self.width {
                        let patch = token - (Self.tokens - Self.patches)
                        guard patch >= 0, column < blocks * Self.width else {
                            #expect(result[image, token, column] == x[image, token, column])
                            continue
                        }
                        let (dimension, isSecond) = (column % half, column / half % 2 == 1)
                        let other = x[image, token, isSecond ? column - half : column + half]
                        let (cosine, sine) = (
                            angles.cosines[patch, dimension], angles.sines[patch, dimension]
                        )
                        let expected =
                            x[image, token, column] * cosine + (isSecond ? other : -other) * sine
                        #expect(abs(result[image, token, column] - expected) <= 1e-6)
                    }
                }
            }
        }
    }

    @Test func rotatesInPlaceOnlyIfUniquelyReferenced() {
        let (x, angles) = inputs()
        let before = x.elements
        func rotated(_ x: consuming Tensor) -> Tensor {
            x.rotated(by: angles, heads: Self.heads, width: Self.width, blocks: 2)
        }
        _ = rotated(x)
        #expect(x.elements == before)
        var address: UInt?
        func freshTensor() -> Tensor {
            let tensor = Tensor(before, shape: x.shape)
            address = tensor.address
            return tensor
        }
        #expect(rotated(freshTensor()).address == address)
    }
}
