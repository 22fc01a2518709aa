import Foundation
import Scores
import Synthesis

/// The pictures that the network was trained on, as listed in `labels.json`, and unseen pictures of the
/// same kinds.
struct Series: Decodable {
    let seed: UInt64
    let size: Int
    let kinds: [Kind]
    private let pictures: [Named]

    private struct Named: Decodable {
        let image: String
    }

    var count: Int { pictures.count }

    init(contentsOf path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        self = try JSONDecoder().decode(Series.self, from: data)
    }

    /// The pictures that the network was trained on.
    func training() -> [Creature] {
        creatures(count: count, seed: seed)
    }

    /// Pictures of another seed, which the network was not trained on.
    func unseen(_ count: Int, size: Int? = nil, kinds: [Kind]? = nil) -> [Creature] {
        creatures(count: count, seed: seed &+ 1, size: size, kinds: kinds)
    }

    private func creatures(
        count: Int, seed: UInt64, size: Int? = nil, kinds: [Kind]? = nil
    ) -> [Creature] {
        inParallel(count) { index in
            Creature(seed: seed, index: index, size: size ?? self.size, kinds: kinds ?? self.kinds)
        }
    }
}
