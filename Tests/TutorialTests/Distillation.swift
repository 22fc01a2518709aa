import DINO
import Foundation
import Images
import ViT

// Step 1: name the teacher.
/// Trains a small network to predict the features of a large one, in a folder of its own.
func distil(
    _ teacher: any Backbone, on pictures: PictureFolder, in folder: String,
    configuration: TrainingConfiguration = TrainingConfiguration(preset: .distillation)
) throws -> VisionTransformer {
    let source = FeatureSource.network(teacher)

    // Step 2: choose what is learnt.
    var configuration = configuration
    configuration.options.objectives.dino = 0
    configuration.options.distillation = DistillationOptions(
        teacher: source.teacher, channels: source.channels)

    // Step 3: train.
    var run = try TrainingRun(
        in: folder, configuration: configuration, pictures: pictures, resuming: true,
        features: source)
    try run.train()
    return run.trainer.teacher.backbone
}

// Step 4: read the log.
/// The error of the predicted patch features, step by step, as a share of their variance.
func patchLosses(in folder: String) throws -> [Double] {
    let log = try String(contentsOfFile: "\(folder)/log.jsonl", encoding: .utf8)
    let decoder = JSONDecoder()
    return try log.split(separator: "\n").compactMap { line in
        try decoder.decode(TrainingRecord.self, from: Data(line.utf8)).losses[.patches]
    }
}
