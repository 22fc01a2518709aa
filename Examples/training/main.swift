import DINO
import Images

// Trains a small network on a folder of pictures, without labels.
//
//     swift run -c release training PICTURES RUN
//
// RUN becomes a folder with a checkpoint, the trained network (teacher.safetensors), a log and a plot. If
// started again, training continues where it was stopped.

let arguments = CommandLine.arguments
precondition(arguments.count == 3, "arguments: a folder of pictures, and a folder for the run")
var run = try TrainingRun(
    in: arguments[2], configuration: TrainingConfiguration(preset: .quick),
    pictures: PictureFolder(arguments[1]), resuming: true)
for notice in run.notices { print("\(notice)") }
let ending = try run.train(observing: { event in
    switch event {
    case .step(let record): print("step \(record.step): loss \(record.loss)")
    case .finding(let finding): print("\(finding)")
    case .saved(let step): print("saved after step \(step)")
    }
})
print("\(ending): \(arguments[2])")
