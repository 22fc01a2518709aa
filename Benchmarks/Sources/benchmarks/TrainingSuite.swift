import Benchmark
import DINO
import Tensors
import ViT

/// One step of training: both networks, the gradient, clipping, AdamW and the teacher's average.
func steps(_ record: Record) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "step")
    func add(
        _ name: String, _ architecture: VisionTransformer.Architecture, patchSize: Int,
        globals: Int, locals: (count: Int, side: Int), batch: Int, prototypes: Int
    ) {
        let crops = Lazy {
            MultiCropBatch(
                globals: (0..<2).map { noise([batch, 3, globals, globals], seed: 1 + $0) },
                locals: (0..<UInt64(locals.count)).map {
                    noise([batch, 3, locals.side, locals.side], seed: 3 + $0)
                })
        }
        let trainer = Lazy {
            DINOTrainer(
                DINOOptions(
                    network: .init(architecture, patchSize: patchSize, imageSize: 224),
                    head: .init(prototypes: prototypes)), batchSize: batch, stepsPerEpoch: 1000)
        }
        let work =
            "\(name) 2x\(globals)+\(locals.count)x\(locals.side) batch \(batch) out \(prototypes)"
        record.add(work, to: suite) {
            // Noise and the rates of a warm-up give no loss that is not finite.
            _ = try? trainer.value.step(crops.value)
        }
    }
    add(
        "vit-s16", .small, patchSize: 16, globals: 224, locals: (8, 96), batch: 8, prototypes: 65536
    )
    add("vit-ti16", .tiny, patchSize: 16, globals: 224, locals: (8, 96), batch: 8, prototypes: 4096)
    add("vit-ti8", .tiny, patchSize: 8, globals: 64, locals: (6, 32), batch: 32, prototypes: 1024)
    add(
        "quickstart", .init(width: 96, depth: 4, heads: 4), patchSize: 8, globals: 48,
        locals: (4, 24), batch: 32, prototypes: 128)
    return suite
}
