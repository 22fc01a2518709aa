import Images
import Synthesis
import Testing

/// Colours and surroundings say nothing of the kind; shape does.
@Suite struct ColourTests {
    static let kinds = Array(Kind.allCases.prefix(8))
    static let series = creatures(1600, size: 48, kinds: kinds)

    /// By the nearest of 1,200 pictures, for 400 others: chance is one in eight, 50 pictures, its
    /// standard deviation 6.6; more than 3.5 of them above is no chance.
    @Test func colourSaysNothing() {
        let whole = Self.series.map { histogram($0) { _ in true } }
        #expect(rightByNearest(whole) < 50 + 23)
        let ground = Self.series.map { histogram($0) { $0 == 0 } }
        #expect(rightByNearest(ground) < 50 + 23)
        let coat = Self.series.map { histogram($0) { $0 != 0 } }
        #expect(rightByNearest(coat) < 50 + 23)
        #expect(rightByNearest(zip(ground, coat).map(+)) < 50 + 23)
    }

    /// The same classifier on the mask's proportions is right for most: kinds can be told.
    @Test func shapeSaysMuch() {
        let shapes = Self.series.map { creature -> [Float] in
            var shares = [Float](repeating: 0, count: Part.allCases.count)
            for part in creature.mask where part != 0 { shares[Int(part)] += 1 }
            let all = shares.reduce(0, +)
            let box = creature.box
            return shares.map { $0 / all } + [
                Float(box.width / (box.width + box.height)), all / Float(box.width * box.height),
            ]
        }
        #expect(rightByNearest(shapes) > 240)
    }

    /// What surrounds a creature is the same to the byte whichever kind stands there.
    @Test func surroundingsKnowNoKind() {
        for index in 0..<20 {
            let pair = [Kind.giraffe, .lizard].map {
                Creature(seed: 5, index: index, size: 64, kinds: [$0])
            }
            let free = pair[0].mask.indices.filter { at in
                pair.allSatisfy { $0.mask[at] == 0 }
            }
            // Shadows lie elsewhere.
            let same = free.filter { at in
                (0..<3).allSatisfy {
                    pair[0].image.pixels[at * 3 + $0] == pair[1].image.pixels[at * 3 + $0]
                }
            }
            #expect(Double(same.count) > 0.6 * Double(free.count))
        }
    }

    /// Which picture the right half is of, told by the nearest of 200 left halves: coats tell it for many
    /// pictures; what lies behind them, all of one stock, for few (by chance one is right).
    @Test func surroundingsHardlyTellThePicture() {
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

    /// Shares of colours, four levels a channel, their square roots (so that distances are
    /// Hellinger's).
    ///
    /// - Parameter half: the left one, 0, or the right one, 1; nil for all of the picture.
    private func histogram(
        _ creature: Creature, half: Int? = nil, where isCounted: (UInt8) -> Bool
    ) -> [Float] {
        var bins = [Float](repeating: 0, count: 64)
        let pixels = creature.image.pixels
        let width = creature.image.width
        for (at, part) in creature.mask.enumerated() where isCounted(part) {
            if let half, at % width * 2 / width != half { continue }
            let levels = (0..<3).map { Int(pixels[at * 3 + $0]) >> 6 }
            bins[levels[0] << 4 | levels[1] << 2 | levels[2]] += 1
        }
        let all = max(bins.reduce(0, +), 1)
        return bins.map { ($0 / all).squareRoot() }
    }

    private func rightByNearest(_ features: [[Float]]) -> Int {
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
        for at in first.indices { sum += (first[at] - second[at]) * (first[at] - second[at]) }
        return sum
    }
}
