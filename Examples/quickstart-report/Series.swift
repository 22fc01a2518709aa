import Foundation
import Scores
import Synthesis
import Tensors

/// The pictures that the network is trained on, as listed in `labels.json`, and unseen pictures of the
/// same kinds.
struct Series: Decodable {
    let seed: UInt64
    let size: Int
    let setting: Setting
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

    /// The first pictures that the network is trained on.
    func training(_ count: Int) -> [Creature] {
        creatures(min(count, self.count), seed: seed, size: size)
    }

    /// Pictures of another seed, which the network is not trained on.
    func unseen(_ count: Int, size: Int) -> [Creature] {
        creatures(count, seed: seed &+ 1, size: size)
    }

    private func creatures(_ count: Int, seed: UInt64, size: Int) -> [Creature] {
        Parallelism.map(count: count) {
            Creature(seed: seed, index: $0, size: size, kinds: kinds, setting: setting)
        }
    }
}
