import Images
import Synthesis
import Tensors

/// Made-up pictures, and pairs of them that show different kinds of creatures.
package struct CreatureSeries {
    package let creatures: [Creature]
    package let pairs: [(source: Int, target: Int)]

    /// - Parameters:
    ///   - seed: of the series of pictures.
    ///   - size: the pictures' sides, in pixels.
    package init(count: Int, pairCount: Int, size: Int, seed: UInt64, kinds: [Kind] = Kind.allCases)
    {
        let creatures = inParallel(count) { index in
            Creature(seed: seed, index: index, size: size, kinds: kinds)
        }
        var generator = Xoshiro256(seed: seed, stream: 1)
        var pairs: [(source: Int, target: Int)] = []
        while pairs.count < pairCount {
            let source = generator.nextIndex(below: count)
            let target = generator.nextIndex(below: count)
            if creatures[source].kind != creatures[target].kind { pairs.append((source, target)) }
        }
        self.creatures = creatures
        self.pairs = pairs
    }

    /// The creatures with the keypoints that can be seen.
    package var keypointPictures: [KeypointPicture] {
        creatures.map { creature in
            let visible = creature.keypoints.filter(\.value.isVisible)
            return KeypointPicture(
                image: creature.image,
                places: Dictionary(
                    uniqueKeysWithValues: visible.map { ($0.key.rawValue, $0.value.place) }),
                boxSide: max(creature.box.width, creature.box.height))
        }
    }
}
