import Images
import Synthesis
import Testing

/// The kind of a creature shows in its shape, but not in its colours or surroundings.
@Suite struct ColourTests {
    static let kinds = Array(Kind.allCases.prefix(8))
    static let series = creatures(1600, size: 48, kinds: kinds)

    /// Predicts the kinds of 400 pictures by the nearest of 1,200 others. Chance is one in eight: 50
    /// pictures, with a standard deviation of 6.6; the limit is 3.5 of these above.
    @Test func coloursDoNotPredictTheKind() {
        let whole = Self.series.map { histogram($0) { _ in true } }
        #expect(correctByNearest(whole) < 50 + 23)
        let ground = Self.series.map { histogram($0) { $0 == 0 } }
        #expect(correctByNearest(ground) < 50 + 23)
        let coat = Self.series.map { histogram($0) { $0 != 0 } }
        #expect(correctByNearest(coat) < 50 + 23)
        #expect(correctByNearest(zip(ground, coat).map(+)) < 50 + 23)
    }

    /// The same classifier is right for most pictures if it is given the proportions of the mask.
    @Test func shapePredictsTheKind() {
        let shapes = Self.series.map { creature -> [Float] in
            var shares = [Float](repeating: 0, count: Part.allCases.count)
            for part in creature.mask where part != 0 { shares[Int(part)] += 1 }
            let total = shares.reduce(0, +)
            let box = creature.box
            return shares.map { $0 / total } + [
                Float(box.width / (box.width + box.height)), total / Float(box.width * box.height),
            ]
        }
        #expect(correctByNearest(shapes) > 240)
    }

    /// The pixels around a creature are the same, whichever kind stands there.
    @Test func surroundingsAreIndependentOfTheKind() {
        for index in 0..<20 {
            let pair = [Kind.giraffe, .lizard].map {
                Creature(seed: 5, index: index, size: 64, kinds: [$0])
            }
            let surroundings = pair[0].mask.indices.filter { pixel in
                pair.allSatisfy { $0.mask[pixel] == 0 }
            }
            // Shadows differ.
            let same = surroundings.filter { pixel in
                (0..<3).allSatisfy {
                    pair[0].image.pixels[pixel * 3 + $0] == pair[1].image.pixels[pixel * 3 + $0]
                }
            }
            #expect(Double(same.count) > 0.6 * Double(surroundings.count))
        }
    }

    /// Finds the picture of a right half by the nearest of 200 left halves. Coats identify many pictures;
    /// surroundings, which all come from one stock, identify few (by chance, one).
    @Test func surroundingsHardlyIdentifyThePicture() {
        let pictures = Self.series.prefix(200)
        func halves(_ isCounted: @escaping (UInt8) -> Bool) -> Int {
            let (left, right) = (0, 1)
            let halves = [left, right].map { half in
                pictures.map { histogram($0, half: half, where: isCounted) }
            }
            return pictures.indices.filter { query in
                let nearest = pictures.indices.min { first, second in
                    distance(halves[left][first], halves[right][query])
                        < distance(halves[left][second], halves[right][query])
                }
                return nearest == query
            }.count
        }
        let (coats, surroundings) = (halves { $0 != 0 }, halves { $0 == 0 })
        #expect(coats > 60 && coats > 4 * surroundings, "\(coats), \(surroundings)")
    }

    /// The square roots of the shares of colours, at four levels per channel (so that distances are
    /// Hellinger distances).
    ///
    /// - Parameter half: the left half, 0, or the right half, 1; nil for the whole picture.
    private func histogram(
        _ creature: Creature, half: Int? = nil, where isCounted: (UInt8) -> Bool
    ) -> [Float] {
        var bins = [Float](repeating: 0, count: 64)
        let pixels = creature.image.pixels
        let width = creature.image.width
        for (pixel, part) in creature.mask.enumerated() where isCounted(part) {
            if let half, pixel % width * 2 / width != half { continue }
            let levels = (0..<3).map { Int(pixels[pixel * 3 + $0]) >> 6 }
            bins[levels[0] << 4 | levels[1] << 2 | levels[2]] += 1
        }
        let total = max(bins.reduce(0, +), 1)
        return bins.map { ($0 / total).squareRoot() }
    }

    /// The number of pictures after the first 1,200 whose kind is that of the nearest of these.
    private func correctByNearest(_ features: [[Float]]) -> Int {
        let split = 1200
        return (split..<features.count).filter { query in
            let nearest = (0..<split).min { first, second in
                distance(features[first], features[query])
                    < distance(features[second], features[query])
            }
            return nearest.map { Self.series[$0].kind } == Self.series[query].kind
        }.count
    }

    private func distance(_ first: [Float], _ second: [Float]) -> Float {
        var sum: Float = 0
        for i in first.indices { sum += (first[i] - second[i]) * (first[i] - second[i]) }
        return sum
    }
}
