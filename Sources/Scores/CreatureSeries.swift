import Images
import Synthesis
import Tensors

/// Synthetic pictures of creatures, and random pairs of different kinds.
package struct CreatureSeries {
    /// The pictures.
    package let creatures: [Creature]
    /// Pairs of pictures of different kinds, as indices into `creatures`.
    package let pairs: [(source: Int, target: Int)]

    /// Generates a series.
    ///
    /// - Parameters:
    ///   - count: the number of pictures.
    ///   - pairCount: the number of pairs.
    ///   - size: the side of the pictures in pixels.
    ///   - seed: seed of the pictures and pairs.
    ///   - kinds: the kinds of creatures, at least two.
    ///   - setting: where the creatures are shown.
    package init(
        count: Int, pairCount: Int, size: Int, seed: UInt64, kinds: [Kind] = Kind.allCases,
        setting: Setting = .wild
    ) {
        let creatures = Parallelism.map(count: count) { index in
            Creature(seed: seed, index: index, size: size, kinds: kinds, setting: setting)
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

    /// A series of given pictures, without pairs.
    package init(_ creatures: [Creature]) {
        self.creatures = creatures
        pairs = []
    }

    /// The pictures with their visible keypoints.
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
