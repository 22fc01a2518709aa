import Platform
import Tensors
import ViT

/// One crop of a step: its view (large crops first) and its picture.
struct CropIndex: Hashable, Sendable {
    var view: Int
    var picture: Int
}

/// Crops forwarded and differentiated together, so that their activations fit the memory limit.
struct CropGroup: Sendable {
    /// The crops of each forward pass, which are of one size, in the order of the rows.
    var passes: [[CropIndex]] = []

    /// All crops, in the order of the rows.
    var places: [CropIndex] { passes.flatMap(\.self) }
}

/// The crops of a share of a step in a fixed order: by view, large crops first, and within a view by picture across the
/// micro-batches.
struct StepCrops {
    private let batches: [MultiCropBatch]
    /// The index of each micro-batch's first picture.
    private let firstPictures: [Int]
    /// The share's pictures, by their index in the step.
    let pictures: Range<Int>
    /// The number of pictures of the whole step.
    let stepPictures: Int
    let globalViews: Int
    let views: Int

    /// Lays out a rank's crops.
    ///
    /// - Parameters:
    ///   - batches: the rank's micro-batches.
    ///   - communicator: the ranks, each with the same number of pictures.
    init(_ batches: [MultiCropBatch], across communicator: any Communicator) {
        self.batches = batches
        let own = batches.reduce(0) { $0 + $1.count }
        let first = communicator.rank * own
        var count = first
        firstPictures = batches.map { batch in
            defer { count += batch.count }
            return count
        }
        pictures = first..<count
        stepPictures = communicator.count * own
        globalViews = batches.first?.globals.count ?? 0
        views = globalViews + (batches.first?.locals.count ?? 0)
        require(
            own > 0
                && batches.allSatisfy {
                    $0.globals.count == globalViews && $0.locals.count == views - globalViews
                        && $0.features.count == batches[0].features.count
                        && $0.masks.count == batches[0].masks.count
                        && zip($0.globals + $0.locals, batches[0].globals + batches[0].locals)
                            .allSatisfy { $0.shape.dimensions[1...] == $1.shape.dimensions[1...] }
                }, "DINOTrainer: micro-batches with different views")
    }

    private init(_ whole: StepCrops, pictures: Range<Int>) {
        batches = whole.batches
        firstPictures = whole.firstPictures
        self.pictures = pictures
        stepPictures = whole.stepPictures
        (globalViews, views) = (whole.globalViews, whole.views)
    }

    /// The crops divided into shares with equal numbers of pictures.
    func shares(_ count: Int) -> [StepCrops] {
        require(
            count > 0 && pictures.count % count == 0,
            "DINOTrainer: \(pictures.count) pictures do not divide into \(count) shares")
        let size = pictures.count / count
        return (0..<count).map {
            let first = pictures.lowerBound + $0 * size
            return StepCrops(self, pictures: first..<first + size)
        }
    }

    /// The row of a crop in a table of the share's crops, view by view.
    func row(of place: CropIndex) -> Int {
        place.view * pictures.count + place.picture - pictures.lowerBound
    }

    /// The shape of a view's crops in the first micro-batch, `[batch, 3, height, width]`.
    func shape(of view: Int) -> Shape {
        let batch = batches[0]
        return view < globalViews
            ? batch.globals[view].shape : batch.locals[view - globalViews].shape
    }

    /// Divides the crops of some views into groups of similar cost, each of at most about `limit` bytes.
    ///
    /// - Parameters:
    ///   - views: the views to include.
    ///   - limit: the memory limit in bytes.
    ///   - cost: the bytes needed by one crop of a batch `[batch, 3, height, width]`.
    func groups(of views: Range<Int>, limit: Int, cost: (Shape) -> Int) -> [CropGroup] {
        let costs = views.map { cost(shape(of: $0)) }
        let total = costs.reduce(0, +) * pictures.count
        let count = max(1, (total + limit - 1) / limit)
        var groups = [CropGroup](repeating: CropGroup(), count: count)
        var spent = 0
        for (view, cost) in zip(views, costs) {
            for picture in pictures {
                // Lay all crops end to end by cost: a crop belongs to the group that holds its midpoint.
                let group = min(count - 1, (2 * spent + cost) * count / (2 * total))
                let place = CropIndex(view: view, picture: picture)
                if let last = groups[group].passes.last?.last,
                    shape(of: last.view) == shape(of: view)
                {
                    groups[group].passes[groups[group].passes.count - 1].append(place)
                } else {
                    groups[group].passes.append([place])
                }
                spent += cost
            }
        }
        return groups.filter { !$0.passes.isEmpty }
    }

    /// The crops of a pass, `[crops, 3, height, width]`.
    func images(of pass: [CropIndex]) -> Tensor {
        let image = Shape(Array(shape(of: pass[0].view).dimensions.dropFirst()))
        var images = Tensor(uninitialized: Shape([pass.count] + image.dimensions))
        withUnsafePointers(writing: &images) { images in
            Parallelism.perform(count: pass.count) { row in
                let (view, picture) = (pass[row].view, pass[row].picture)
                // The last micro-batch that starts at or before this picture.
                let index = firstPictures.lastIndex { $0 <= picture } ?? 0
                let crops =
                    view < globalViews
                    ? batches[index].globals[view] : batches[index].locals[view - globalViews]
                withUnsafePointers(reading: crops) {
                    (images + row * image.count).update(
                        from: $0 + (picture - firstPictures[index]) * image.count,
                        count: image.count)
                }
            }
        }
        return images
    }

    /// The feature teacher's vectors for a view's crops, as supplied with the batches.
    func features(ofView view: Int) -> TeacherFeatures {
        TeacherFeatures(joining: batches.map { $0.features[view] }).rows(ownPictures)
    }

    /// The masks of the large crops, as supplied with the batches.
    var masks: StepMasks {
        StepMasks(
            batches[0].masks.indices.map { view in
                PatchMask(
                    patches: Array(batches.flatMap { $0.masks[view].patches }[ownPictures]))
            }, of: self)
    }

    /// The share's pictures, by their index among those of the batches.
    private var ownPictures: Range<Int> {
        pictures.lowerBound - firstPictures[0]..<pictures.upperBound - firstPictures[0]
    }
}
