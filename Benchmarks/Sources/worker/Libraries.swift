import DINO
import Descriptors
import Foundation
import Images
import Tensors

/// The work compared with libraries other than runtimes, on the inputs made by libraries.py.
func librariesWork(in folder: String) throws -> [String: () -> Void] {
    let threads = Parallelism.threadCount
    /// These libraries run on one thread.
    func onOneThread(_ body: () -> Void) {
        Parallelism.threadCount = 1
        body()
        Parallelism.threadCount = threads
    }
    let picture = try Image(contentsOf: folder + "/500x375.png")
    let points = try Tensor(npy: folder + "/points.npy")
    let pictures = try (0..<4).map { try Image(contentsOf: folder + "/\($0).png") }
    let unaries = try Tensor(npy: folder + "/unaries.npy")
    let disc = try Tensor(npy: folder + "/disc.npy").elements.map {
        GrabCut.Label(rawValue: UInt8($0)) ?? .background
    }
    let crops = MultiCrop()
    var batch = crops.emptyBatch(count: 1)
    var generator = Xoshiro256(seed: 1)
    return [
        "multi-crop": {
            onOneThread {
                for _ in 0..<16 {
                    crops.writeCrops(of: picture, to: &batch, at: 0, using: &generator)
                }
            }
        },
        "k-means": { _ = kMeans(points, clusters: 10, using: &generator) },
        "dense-crf": {
            onOneThread {
                for picture in pictures { _ = DenseCRF().labels(unaries: unaries, image: picture) }
            }
        },
        "grabcut": {
            onOneThread {
                for picture in pictures {
                    _ = GrabCut().labels(of: picture, from: disc, using: &generator)
                }
            }
        },
    ]
}
